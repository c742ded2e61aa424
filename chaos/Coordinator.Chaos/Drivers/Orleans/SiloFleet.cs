using System.Diagnostics;
using System.Globalization;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims;
using Coordinator.Chaos.Victims.Work;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Silos of one cluster and one log: any of them takes any request.</summary>
/// <param name="size">How many there are.</param>
/// <param name="logOf">The log, as the silo at a place reaches it.</param>
/// <param name="ports">For each place where its silo listens, and what it advertises. A successor has the same, so it knows that its predecessor is dead.</param>
/// <param name="history">Is told of everything that they say.</param>
/// <param name="say">Takes what they log.</param>
internal sealed class SiloFleet(int size, Func<int, string> logOf, Func<int, (int Listens, int Advertises)> ports, History history, Action<string> say) : Fleet(size, history, say)
{
    private const string Member = "Member";
    private const int PurseEvery = 4;
    private static readonly TimeSpan s_avoidance = TimeSpan.FromSeconds(1);

    private readonly int _size = size;
    private readonly long[] _avoidedUntil = new long[size];
    private int _next;
    private volatile bool _onlySilence;

    /// <summary>The program of a silo; it is there if Orleans' packages were when this was built.</summary>
    public static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "..", "..", "Coordinator.Chaos.Silo", Path.Combine(AppContext.BaseDirectory.TrimEnd('/').Split('/')[^3..]), "Coordinator.Chaos.Silo.dll"));

    /// <summary>One after the other, without those that have just failed somebody.</summary>
    public override VictimHost Choose()
    {
        var first = (int)((uint)Interlocked.Increment(ref _next) % _size);
        var now = History.Now.Ticks;
        var places = Enumerable.Range(first, _size).Select(place => place % _size);
        return Hosts[places.FirstOrDefault(place => Volatile.Read(ref _avoidedUntil[place]) <= now, first)];
    }

    public override void Suspect(VictimHost host)
    {
        if (PlaceOf(host) is var place and >= 0)
        {
            Volatile.Write(ref _avoidedUntil[place], (History.Now + s_avoidance).Ticks);
        }
    }

    /// <summary>Every fourth account has a purse, in which each change of the account is done as well.</summary>
    public override Operation AsDone(Operation operation) => operation.Writes.IsDefaultOrEmpty ? operation
        : operation with { Writes = [.. operation.Writes, .. operation.Writes.Where(HasPurse).Select(static account => "purse.amount" + account[Account.Category.Length..])] };

    /// <summary>All of them: the grains of one that is not back yet, and their locks, nobody can reach.</summary>
    public override Task ReadyAsync() => MembersAsync(_size);

    /// <summary>Waits until so many silos coordinate, and gives those that do.</summary>
    public async Task<IReadOnlyList<VictimHost>> MembersAsync(int min) =>
        [.. (await RolesAsync(silos => silos[Member].Count() >= min, 2 * Patience))[Member]];

    /// <summary>One of those that coordinate.</summary>
    public async Task<VictimHost> AnyAsync(Random random)
    {
        var members = await MembersAsync(2);
        return members[random.Next(members.Count)];
    }

    /// <summary>Whether silos judge each other by silence alone; those that are started meanwhile do so too.</summary>
    public Task OnlySilenceAsync(bool onlySilence)
    {
        _onlySilence = onlySilence;
        return TellAllAsync("silence", onlySilence);
    }

    /// <summary>Switches something on or off at every silo that lives.</summary>
    public Task TellAllAsync(string verb, bool isOn) => Task.WhenAll(Hosts.Select(host => host.Send(verb, isOn ? "on" : "off").AnswerWithinAsync(Patience)));

    private static bool HasPurse(string stream) =>
        stream.StartsWith(Account.Category + "/", StringComparison.Ordinal) && int.Parse(stream.AsSpan(stream.LastIndexOf('.') + 1), CultureInfo.InvariantCulture) % PurseEvery == 0;

    /// <summary>One that was shut out of the cluster does, and one that can't join.</summary>
    protected override bool MayEndByItself => true;

    protected override ProcessStartInfo StartInfo(int place)
    {
        var (listens, advertises) = ports(place);
        var start = new ProcessStartInfo("dotnet", [Program, _onlySilence ? "only-silence" : "all-evidence", $"{listens}", $"{advertises}"]);
        start.Environment[VictimLines.LogVariable] = logOf(place);
        return start;
    }
}
