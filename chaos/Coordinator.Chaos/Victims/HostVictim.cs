using System.Globalization;
using Coordinator.Chaos.Victims.Faults;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Coordinator.Chaos.Victims;

/// <summary>One of several embedded hosts on one log: an owner, or a standby. It obeys the lines of the victims' README.md.</summary>
internal sealed class HostVictim : IDisposable
{
    private const int AccountsSnapshotEvery = 3, ListsSnapshotEvery = 10;

    private readonly CrashPoint _point = new();
    private readonly SwitchedProcesses _processes;
    private readonly IHost _host;
    private readonly VictimWork _work;

    private HostVictim(string store, string log, bool onlySilence)
    {
        _processes = new SwitchedProcesses { OnlySilence = onlySilence };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Information);
        var coordinator = builder.Services.AddCoordinator(options => options.WaitForOwnership = false)
            .AddEventsFrom(typeof(Account).Assembly)
            .AddSnapshots<Account>("chaos.account", every: AccountsSnapshotEvery)
            .AddSnapshots<NumberList>("chaos.list", every: ListsSnapshotEvery);
        _ = store == "sqlite" ? coordinator.UseSqlite(log) : coordinator.UsePostgreSql(log);
        builder.Services.AddSingleton<IHostProcesses>(_processes);
        _point.AddTo(builder.Services);
        _host = builder.Build();
        _work = new VictimWork(_host.Services.GetRequiredService<ITransactions>(), _host.Services.GetRequiredService<IEventLog>());
    }

    private TransactionEngine Engine => _host.Services.GetRequiredService<TransactionEngine>();

    /// <param name="store">sqlite or postgres.</param>
    /// <param name="onlySilence">Whether it starts judging others by their silence alone.</param>
    public static async Task<int> RunAsync(string store, bool onlySilence)
    {
        if (Environment.GetEnvironmentVariable(VictimLines.LogVariable) is not { Length: > 0 } log)
        {
            await Console.Error.WriteLineAsync($"{VictimLines.LogVariable} names no log.");
            return 2;
        }

        using var victim = new HostVictim(store, log, onlySilence);
        await victim._host.StartAsync();
        return await new VictimLines(victim.AnswerAsync, () => victim._host.StopAsync()).ObeyAsync();
    }

    public void Dispose() => _host.Dispose();

    private async ValueTask<string> AnswerAsync(string verb, string request, string rest) => verb switch
    {
        "role" => Engine.Role.ToString(),
        "locks" => Locks(),
        "indoubt" => string.Create(CultureInfo.InvariantCulture, $"{Engine.InFlightCount + Engine.InHandCount + Engine.Participants.InDoubtCount}"),
        "silence" => Switch(rest),
        "arm" => Arm(rest.Split(' ')),
        _ => await _work.AnswerAsync(verb, request, rest) ?? "broken: what is " + verb,
    };

    private string Locks() => Engine.Participants.IsIdle
        ? "idle"
        : string.Join(' ', ["busy", .. Engine.Participants.AtWork.Select(one => one.Activation.Stream.Value).Distinct(StringComparer.Ordinal)]);

    private string Switch(string onlySilence)
    {
        _processes.OnlySilence = onlySilence == "on";
        return "switched";
    }

    private string Arm(string[] trap)
    {
        _point.Arm(trap[0] == "nothing" ? null : trap[0], int.Parse(trap[1], CultureInfo.InvariantCulture), int.Parse(trap[2], CultureInfo.InvariantCulture));
        return "armed";
    }
}
