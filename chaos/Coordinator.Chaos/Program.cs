using System.Globalization;
using Coordinator.Chaos.Drivers;
using Coordinator.Chaos.Drivers.Hosts;
using Coordinator.Chaos.Drivers.Lists;
using Coordinator.Chaos.Victims;

if (args is ["victim", var spec, .. var rest])
{
    return CrashPoint.Parse(spec) is { } point ? await ShopVictim.RunAsync(point, rest) : 2;
}

if (args is ["lists", var trap, .. var work])
{
    return CrashPoint.Parse(trap) is { } point ? await ListsVictim.RunAsync(point, work) : 2;
}

if (args is ["lists-read", .. { Length: >= 2 } lists])
{
    return await ListsVictim.ReadAsync(lists);
}

if (args is ["host", var evidence])
{
    return await HostVictim.RunAsync(onlySilence: evidence == "only-silence");
}

if (Number("seed", Random.Shared.Next(1, 1_000_000)) is { } seed && Number("kills", 25) is { } kills)
{
    switch (Text("scenario", "shop"))
    {
        case "shop":
            return await new ShopScenario(seed, kills).RunAsync() ? 0 : 1;
        case "shop-postgres":
            return await new HostsScenario(new ShopWorkload(seed), seed, kills).RunAsync() ? 0 : 1;
        case "lists":
            return await new ListsScenario(seed, kills).RunAsync() ? 0 : 1;
        case "lists-postgres":
            using (var workload = new ListsWorkload(seed))
            {
                return await new HostsScenario(workload, seed, kills).RunAsync() ? 0 : 1;
            }
    }
}

Console.Error.WriteLine("[--scenario shop|shop-postgres|lists|lists-postgres] [--seed N] [--kills N]");
return 2;

string Text(string name, string fallback) =>
    Array.IndexOf(args, "--" + name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : fallback;

int? Number(string name, int fallback) =>
    int.TryParse(Text(name, fallback.ToString(CultureInfo.InvariantCulture)), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
