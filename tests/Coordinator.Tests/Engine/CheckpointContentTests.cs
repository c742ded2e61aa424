using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>
/// A checkpoint counts durable rows and nothing else, whatever becomes of the groups: batches that conflict and are taken out,
/// groups that are fenced, land late, or land without an answer.
/// </summary>
public sealed class CheckpointContentTests
{
    private const int Seeds = 100;

    [Fact]
    public void Every_checkpoint_says_what_the_rows_before_it_say()
    {
        var (checkpoints, open, wouldHaveLied) = (0, 0, 0);
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            SimulationLoop.Run(async loop =>
            {
                var run = new Run(loop, seed);
                await run.WriteAsync();
                var rows = await run.Rows.ReadAsync(LogStreams.Shard(0), 1, int.MaxValue - 1, CancellationToken.None);
                var believed = new OpenTransactions();
                foreach (var row in rows)
                {
                    if (row.Kind is RowKind.ShardCheckpoint)
                    {
                        var content = ShardCheckpoint.Decode(row);
                        Assert.True(
                            row.Payload.Span.SequenceEqual((content with { Open = believed }).Encode()),
                            $"seed {seed}, row {row.Version}: the checkpoint differs from the rows before it");
                        checkpoints++;
                        open += content.Open.EventCount;
                    }
                    else if (row.Kind is not (RowKind.ShardOwned or RowKind.Fenced))
                    {
                        believed.Apply(ShardEventCodec.Decode(row));
                    }
                }

                // The control: had it counted what was sent and taken out as well, this test would have seen it.
                wouldHaveLied += run.TakenOut.Count(id => believed.States.All(state => state.Id != id));
            });
        }

        Assert.True(checkpoints > Seeds * 10 && open > checkpoints && wouldHaveLied > Seeds, $"vacuous: {checkpoints} checkpoints, {open} events, {wouldHaveLied} taken out");
    }

    /// <summary>One owner and its committer over a log with faults; every group carries a checkpoint.</summary>
    private sealed class Run(SimulationLoop loop, ulong seed) : IAppendTarget
    {
        private static readonly Branch s_external = new(new ParticipantId(new StreamName("warehouse")), new Incarnation(1));
        private readonly SeededRandom _random = new(seed);
        private readonly List<TransactionId> _open = [];
        private int _missing;

        public InMemoryLogStore Rows { get; } = new(loop.Time);

        /// <summary>Batches that were sent in some group and are in none.</summary>
        public List<TransactionId> TakenOut { get; } = [];

        public async Task WriteAsync()
        {
            await Rows.OpenAsync(TestLog.Meta, CancellationToken.None);
            var faults = FaultyLogStore.Seeded((int)seed, 0.3);
            var store = new FaultyLogStore(Rows, () => faults() is var fault and not AppendFault.Refused ? fault : AppendFault.None);
            var claimer = new ShardClaimer(Rows, TestLog.Meta, loop.Time, _random, 5, "here", TimeSpan.FromSeconds(10));
            var claimed = await claimer.ClaimAsync(0, await Rows.ReadShardEndAsync(0, CancellationToken.None), CancellationToken.None);
            var lane = (await ShardRecovery.ReplayAsync(Rows, claimed!, NullLogger.Instance, CancellationToken.None)).Lane;
            var committer = new GroupCommitter(
                store, loop.Time, new MonotonicClock(loop.Time), new AppendIds(9), loop, NullLogger.Instance, EngineTelemetry.Off, 256 * 1024, long.MaxValue);
            var sequence = 0UL;
            for (var group = 0; group < 30; group++)
            {
                lane.RowsSinceCheckpoint = int.MaxValue;
                _missing = 1 + (int)(_random.Next() % 4);
                for (var i = _missing; i > 0; i--)
                {
                    var id = new TransactionId(TestLog.Meta.Identity, 0, (ulong)lane.Ownership.Epoch, lane.Ownership.ClaimBits, ++sequence);
                    committer.Enqueue(new PendingAppend(lane, NextEvent(id), this));
                }

                while (_missing > 0)
                {
                    await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
                    store.Release();
                }
            }
        }

        public void Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause)
        {
            _missing--;
            switch (result, append.Event)
            {
                case (AppendResult.Appended, CommitEvent.TransactionEnded):
                    break;
                case (AppendResult.Appended, _):
                    _open.Add(append.Event.Id);
                    break;
                case (AppendResult.Conflict, _):
                    TakenOut.Add(append.Event.Id);
                    break;
                default:
                    Assert.Fail($"{append.Event.Id}: {result}");
                    break;
            }
        }

        private CommitEvent NextEvent(TransactionId id)
        {
            if (_open.Count > 3 && _random.Next() % 3 == 0)
            {
                var ended = _open[0];
                _open.RemoveAt(0);
                return new CommitEvent.TransactionEnded(ended);
            }

            // Every third writes a stream at a version that it does not have: it conflicts, and is taken out of its group.
            var expected = _random.Next() % 3 == 0 ? 7 : 0;
            var redo = new Redo(new StreamName($"of/{id.Sequence}"), expected, LogPosition.None, [new EventData("tested", 1, "{}"u8.ToArray())]);
            return new CommitEvent.CommitDecided(id, [s_external], [redo], false);
        }
    }
}
