using System.Globalization;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>
/// One simulation: hosts on one log, a workload and a fault plan, all of one seed. First everything goes wrong that the plan
/// holds, then all faults end and everything must come to rest, then all that was done and said is checked.
/// </summary>
internal sealed class Cluster
{
    private static readonly TimeSpan SafetyMax = TimeSpan.FromMinutes(3);

    // For so long everything must be at rest: slow calls of before may still be under way, and who has just started still looks around.
    private static readonly TimeSpan RestMin = TimeSpan.FromSeconds(8);
    private readonly TimeSpan[] _wallClocks;

    public Cluster(SimulationLoop loop, ulong seed, FaultPlan plan, SeededRandom random, Mutant mutant)
    {
        Loop = loop;
        Seed = seed;
        Plan = plan;
        Random = random;
        Mutant = mutant;
        _wallClocks = [.. Enumerable.Range(0, plan.Hosts).Select(_ => random.Between(TimeSpan.FromMinutes(-5), TimeSpan.FromMinutes(5)))];
        Ledger = new Ledger(loop, Violations);
        Log = new SimulatedLog(loop, random.Fork()) { Latency = plan.Latency, HasManyWriters = plan.IsCluster };
        Network = new SimulatedNetwork(loop, random.Fork());
        Nemesis = new Nemesis(this);
        Workload = new Workload(this);
        Places = new Places(this);
        Watch = new Watch(this);
        Log.Landed = (process, rows) =>
        {
            Watch.Landing(process, rows);
            Ledger.Land(process, rows);
        };
        Log.RefusedByChecks = Watch.RefusedByChecks;
        Log.Removing = Watch.Removing;
        Log.DecisionFound = Watch.DecisionFound;
        Network.Sent = Watch.Sent;
        Network.Arrived = Watch.Arrived;
        Hosts = [.. Enumerable.Range(0, plan.Hosts).Select(slot => new Host(this, slot))];
    }

    public SimulationLoop Loop { get; }

    public ulong Seed { get; }

    public FaultPlan Plan { get; }

    public SeededRandom Random { get; }

    public Mutant Mutant { get; }

    /// <summary>What the engine of a process may be listened to by; null: nobody listens.</summary>
    public Func<TimeProvider, EngineTelemetry>? Telemetry { get; init; }

    public SimulatedLog Log { get; }

    public SimulatedNetwork Network { get; }

    public List<Host> Hosts { get; }

    public Ledger Ledger { get; }

    public History History { get; } = new();

    public Nemesis Nemesis { get; }

    public Workload Workload { get; }

    public Watch Watch { get; }

    /// <summary>Where streams are worked on. Has meaning in a cluster.</summary>
    public Places Places { get; }

    public List<Violation> Violations { get; } = [];

    /// <summary>When the faults ended.</summary>
    public TimeSpan? HealedAt { get; private set; }

    /// <summary>How long it took from there until everything was at rest.</summary>
    public TimeSpan RestAfter { get; private set; }

    public TimeSpan WallClockOf(int slot) => _wallClocks[slot];

    /// <summary>A host that owns the log, or a shard of it, and takes work; null while there is none.</summary>
    public Host? Serving => Hosts.Find(host => host.IsUp && host.Engine!.Role is HostRole.Owner && host.Engine.NotReadyReason is null && Ledger.Owns(host.Process));

    /// <summary>Every shard has an owner, and none has more than one shard more than another.</summary>
    private bool IsShared => !Plan.IsCluster || (Ledger.Shards.Count == Plan.Shards
        && Hosts.Sum(host => host.Engine!.OwnedCount) == Plan.Shards
        && Hosts.Max(host => host.Engine!.OwnedCount) - Hosts.Min(host => host.Engine!.OwnedCount) <= 1);

    /// <summary>A process gets what another one has sent.</summary>
    public void Receive(SimulatedProcess to, ulong from, HostMessage message) => Hosts.Find(host => host.Process == to)?.Engine!.Receive(from, message);

    public void Reach(string situation) => Loop.Counters.Reach(situation);

    public async Task RunAsync()
    {
        await OpenAsync();
        Nemesis.Start();
        Workload.Begin();
        while (!Workload.IsOver && Loop.Time.Now < SafetyMax)
        {
            await Loop.DelayAsync(TimeSpan.FromMilliseconds(100));
        }

        Loop.Trace.Note(null, $"faults end");
        Workload.End();
        Nemesis.Heal();
        HealedAt = Loop.Time.Now;
        await RestAsync();
        if (Violations.Count == 0)
        {
            await new FinalChecks(this).RunAsync();
        }

        Violations.AddRange(Loop.Failures.Select(failure => new Violation("exception", failure)));
    }

    /// <summary>Hosts up and accounts filled, without faults.</summary>
    private async Task OpenAsync()
    {
        foreach (var host in Hosts)
        {
            host.Start();
            if (!Plan.StartsTogether)
            {
                await Loop.DelayAsync(Random.Between(TimeSpan.Zero, TimeSpan.FromSeconds(0.2)));
            }
        }

        for (var account = 0; account < Plan.Accounts && Violations.Count == 0;)
        {
            await UntilAsync(() => Serving is not null, TimeSpan.FromSeconds(30), "a host serves");
            var count = Math.Min(5, Plan.Accounts - account);
            if (Serving is { } owner && await Workload.FillAccountsAsync(owner, account, count))
            {
                account += count;
            }
            else
            {
                await Loop.DelayAsync(TimeSpan.FromMilliseconds(100)); // or what refuses it at this moment would refuse it at this moment for ever
            }
        }
    }

    /// <summary>Without faults everything ends: nobody is in doubt, nothing is in flight, no lock is held (V1, V2, V3).</summary>
    private async Task RestAsync()
    {
        var bound = Plan.LivenessBound;
        await UntilAsync(() => Hosts.TrueForAll(host => !host.IsUp || host.Engine!.InFlightCount == 0), Plan.DecisionBound, "every transaction is decided");
        var since = TimeSpan.MaxValue;
        await UntilAsync(
            () =>
            {
                var rests = Hosts.TrueForAll(host => host.IsUp && host.IsQuiet) && Serving is not null && IsShared && Workload.RunningCount == 0;
                since = !rests ? TimeSpan.MaxValue : since < Loop.Time.Now ? since : Loop.Time.Now;
                return rests && Loop.Time.Now - since > RestMin;
            },
            bound + RestMin,
            "everything comes to rest");
        RestAfter = since - HealedAt!.Value;
        await UntilAsync(() => Log.OnTheWireCount == 0 && Network.OnTheWireCount == 0, TimeSpan.FromMinutes(2), "the wires are empty");
    }

    private async Task UntilAsync(Func<bool> holds, TimeSpan bound, string what)
    {
        var end = Loop.Time.Now + bound;
        while (!holds())
        {
            if (Loop.Time.Now >= end)
            {
                Violations.Add(new Violation("V1-V3", string.Create(CultureInfo.InvariantCulture, $"not within {bound.TotalSeconds} s: {what}; {WhatIsOpen()}")));
                return;
            }

            await Loop.DelayAsync(TimeSpan.FromMilliseconds(20));
        }
    }

    private string WhatIsOpen() => string.Join("; ", Hosts.Select(host =>
        $"{host.Process?.Name}: up {host.IsUp}, {host.Engine?.Role}, {host.Engine?.NotReadyReason} in flight {host.Engine?.InFlightCount}, participants {string.Join(", ", host.Engine?.Participants.AtWork.Select(one => $"{one.Transaction} at {one.Activation.Stream} {one.State.Phase}") ?? [])}, committer idle {host.Engine?.Committer.IsIdle}, shards {host.Engine?.OwnedCount}"))
        + $"; {Workload.RunningCount} transactions of workers run: {string.Join(", ", Workload.Running.Take(5))}";
}
