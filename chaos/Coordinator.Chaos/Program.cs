using System.Globalization;
using Coordinator.Chaos.Drivers;
using Coordinator.Chaos.Drivers.Orleans;
using Coordinator.Chaos.Drivers.Postgres;
using Coordinator.Chaos.Drivers.Reports;
using Coordinator.Chaos.Drivers.Sqlite;
using Coordinator.Chaos.Victims;

switch (args)
{
    case ["host", var store, var evidence]:
        return await HostVictim.RunAsync(store, onlySilence: evidence == "only-silence");
    case ["client", .. { Length: 5 } client]:
        return await ClientVictim.RunAsync(client);
}

if (Number("seed", Random.Shared.Next(1, 1_000_000)) is { } seed && Number("seconds", 180) is { } seconds && Create(Text("scenario", "postgres")) is { } scenario)
{
    RunReport report;
    await using (var run = new Run(scenario, seed, seconds))
    {
        report = await run.RunAsync();
        report.Print();
    }

    if (Text("report", string.Empty) is { Length: > 0 } file)
    {
        await ReportPage.WriteAsync(report, file);
    }

    Console.WriteLine(report.Summary());
    return report.IsValid ? 0 : 1;
}

Console.Error.WriteLine("[--scenario postgres|sqlite|orleans] [--seconds S] [--seed N] [--report FILE]");
return 2;

static Scenario? Create(string name) => name switch
{
    "postgres" => new PostgresScenario(),
    "sqlite" => new SqliteScenario(),
    "orleans" => new OrleansScenario(),
    _ => null,
};

string Text(string name, string fallback) =>
    Array.IndexOf(args, "--" + name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : fallback;

int? Number(string name, int fallback) =>
    int.TryParse(Text(name, fallback.ToString(CultureInfo.InvariantCulture)), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
