using System.Collections.Immutable;
using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>Whoever looks whether what a transaction has read still stands is shown what it has read (D-9).</summary>
internal sealed class HeadsNotChecked : Mutant
{
    private readonly Dictionary<StreamName, long> _read = [];

    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(this, store);

    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(this, transport);

    private sealed class Store(HeadsNotChecked mutant, ILogStore inner) : MutantStore(inner)
    {
        public override async ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
        {
            var findings = await base.InspectAsync(keys, cancellation);
            return [.. findings.Select(finding => finding.Key.Version == 1 && mutant._read.TryGetValue(finding.Key.Stream, out var version)
                ? finding with { End = finding.End with { Version = version } }
                : finding)];
        }
    }

    private sealed class Wire(HeadsNotChecked mutant, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
        {
            if (input is CommitInput.VoteReceived { Ballot: Ballot.ReadOnly, Redo: { } read })
            {
                mutant._read[read.Stream] = read.ExpectedVersion;
            }

            inner.ToCoordinator(transaction, home, input);
        }

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>Groups of several hosts do not lock what they only read, so that two that overlap miss each other's writes (D-9).</summary>
internal sealed class ReadsNotLocked : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group) => base.AppendAsync(group with { LocksReads = false });
    }
}

/// <summary>A lock is handed on also to who is coordinated elsewhere, where nobody knows of the batch that its work rests on (decision 0009).</summary>
internal sealed class HandedOnElsewhere : Mutant
{
    private readonly Dictionary<TransactionId, ulong> _homes = [];

    public override TransactionHeader HeaderAt(TransactionEngine engine, TransactionHeader header)
    {
        _homes[header.Id] = header.Home;
        return header with { Home = engine.HostId };
    }

    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(this, process, transport);

    private sealed class Wire(HandedOnElsewhere mutant, SimulatedProcess process, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
        {
            var leaves = mutant._homes.TryGetValue(transaction, out var its) && its != (ulong)process.Number;
            inner.ToCoordinator(
                transaction,
                leaves ? its : home,
                leaves && input is CommitInput.VoteReceived { Redo: { } redo } vote ? vote with { Redo = redo with { RestsOn = null } } : input);
        }

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>A second incarnation at one address, of another host, is let in and its work forgotten (rule D-6).</summary>
internal sealed class SecondIncarnationAccepted : Mutant
{
    private readonly Dictionary<(TransactionId, ParticipantId), Incarnation> _first = [];

    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(this, cluster, process, transport);

    private sealed class Wire(SecondIncarnationAccepted mutant, Cluster cluster, SimulatedProcess process, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
        {
            if (input is CommitInput.EnlistRequested enlist
                && !mutant._first.TryAdd((transaction, enlist.Participant), enlist.Incarnation)
                && mutant._first[(transaction, enlist.Participant)] != enlist.Incarnation
                && cluster.Hosts.Find(host => host.Process == process)?.Engine is { } engine)
            {
                process.Post(() => engine.Participants.Deliver(transaction, home, new CommitMessage.EnlistmentAnswered(enlist.Participant, enlist.Incarnation, null)));
                return;
            }

            inner.ToCoordinator(transaction, home, input);
        }

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>A dead host seems to beat, without any shards: its shards are taken over, and what hangs on it is not given up.</summary>
internal sealed class SilentNotGivenUp : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner), IHostBeats
    {
        private long _count = 1_000_000;

        public override IHostBeats Beats => this;

        public ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation) => Inner.Beats!.BeatAsync(beat, cancellation);

        public ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) => Inner.Beats!.ForgetBeatAsync(host, cancellation);

        public async ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation)
        {
            var beats = await Inner.Beats!.ReadBeatsAsync(cancellation);
            return [.. beats.Select(beat => cluster.Loop.ProcessOf((int)beat.Host).IsCrashed ? beat with { Count = ++_count, Shards = [] } : beat)];
        }
    }
}

/// <summary>A state is used again where others may have changed it, and work that gives up because of it is aborted without a look at the log.</summary>
internal sealed class GivenUpUnlooked : Mutant
{
    public override void Started(Cluster cluster, Host host)
    {
        var engine = host.Engine!;
        host.Process!.Post(() =>
        {
            for (var account = 0; account < cluster.Plan.Accounts; account++)
            {
                engine.Anchor(new StreamName($"account/{account}"), engine.Aggregates.KindOf<Account>());
            }
        });
    }

    public override void Release(TransactionEngine engine, StreamName stream)
    {
        // It keeps it.
    }

    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(transport);

    private sealed class Wire(ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(
            transaction, home, input is CommitInput.GiveUpRequested giveUp ? new CommitInput.AbortRequested(giveUp.Cause) : input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>A shard is handed over while decisions of it are in the log's hands.</summary>
internal sealed class ReleasedTooEarly : Mutant
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(3);

    public override void Started(Cluster cluster, Host host)
    {
        var (process, engine) = (host.Process!, host.Engine!);
        process.Start(async () =>
        {
            while (true)
            {
                await process.DelayAsync(Pace);
                for (ushort number = 0; number < cluster.Plan.Shards && cluster.Nemesis.IsAtWork; number++)
                {
                    if (engine.ShardOf(number) is { IsStopped: false, InHandCount: > 0 } shard)
                    {
                        _ = await engine.Committer.TryReleaseAsync(shard.Lane);
                        return;
                    }
                }
            }
        });
    }
}
