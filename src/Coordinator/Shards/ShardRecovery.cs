using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Coordinator.Shards;

/// <summary>What a new owner knows from the shard's stream.</summary>
/// <param name="Lane">The claimed shard.</param>
/// <param name="Open">Transactions that somebody still has to hear of.</param>
/// <param name="History">Which of the rows before the claim can be trusted.</param>
/// <param name="ReplayedFrom">The version of the first row that was read: a checkpoint, or 1.</param>
internal sealed record RecoveredShard(ShardLane Lane, IReadOnlyList<CommitState> Open, ShardHistory History, long ReplayedFrom);

/// <summary>Recovery of a shard from its rows.</summary>
internal static partial class ShardRecovery
{
    /// <summary>
    /// Replays the shard from its last checkpoint, through the same Apply as live steps. Called after the claim: only then
    /// can no older owner add rows behind what was read.
    /// </summary>
    public static async ValueTask<RecoveredShard> ReplayAsync(
        ILogStore store, ClaimedShard claimed, ILogger logger, CancellationToken cancellation)
    {
        var stream = LogStreams.Shard(claimed.Shard);
        var checkpoint = await FindCheckpointAsync(store, stream, claimed, logger, cancellation).ConfigureAwait(false);
        var replay = new Replay(logger, checkpoint);
        var end = claimed.Ownership.NextVersion;
        await foreach (var row in store.ReadShardAsync(stream, checkpoint?.Row.Version + 1 ?? 1, end, cancellation).ConfigureAwait(false))
        {
            replay.Read(row);
        }

        var lane = new ShardLane(claimed.Shard, claimed.Ownership, claimed.Seed)
        {
            LastCheckpoint = replay.LastCheckpoint,
            Open = replay.Open,
            Forgetting = replay.Forgetting,
            UnreadableVersion = replay.UnreadableVersion,
            RowsSinceCheckpoint = (int)Math.Min(int.MaxValue, end - (replay.LastCheckpoint?.Version ?? 1)),
        };
        var mark = checkpoint is null ? HistoryMark.Start : HistoryMark.Of(checkpoint.Row, checkpoint.Content.Sequence);
        return new RecoveredShard(lane, [.. replay.Open.States], new ShardHistory(store, stream, mark, replay.UnreadableVersion, logger), mark.Version);
    }

    /// <summary>
    /// The last checkpoint, or null if there is none that can be trusted: then all rows are replayed, which is as right and slower.
    /// The row before the claim knows the last one; the claim itself knows one that was the last when it was sent.
    /// </summary>
    private static async ValueTask<Checkpoint?> FindCheckpointAsync(
        ILogStore store, StreamName stream, ClaimedShard claimed, ILogger logger, CancellationToken cancellation)
    {
        var version = claimed.Checkpoint;
        if (claimed.Ownership.Epoch > 1
            && await store.ReadAsync(stream, claimed.Ownership.Epoch - 1, 1, UnreadableRows.Mark, cancellation).ConfigureAwait(false)
                is [{ Fault: null } last])
        {
            version = Math.Max(version, last.LastCheckpoint);
        }

        if (version == 0)
        {
            return null;
        }

        var found = await store.ReadAsync(stream, version, 1, UnreadableRows.Mark, cancellation).ConfigureAwait(false);
        if (found is [{ Fault: null, Kind: RowKind.ShardCheckpoint } row] && TryDecode(row, logger) is { } checkpoint)
        {
            return checkpoint;
        }

        CheckpointUnusable(logger, version, stream);
        return null;
    }

    private static Checkpoint? TryDecode(LogRow checkpoint, ILogger logger)
    {
        try
        {
            return new Checkpoint(checkpoint, ShardCheckpoint.Decode(checkpoint));
        }
        catch (LogCorruptException corrupt)
        {
            RowUnreadable(logger, checkpoint.Stream, checkpoint.Version, corrupt.Message);
            return null;
        }
    }

    /// <summary>A checkpoint's row and what it says.</summary>
    private sealed record Checkpoint(LogRow Row, ShardCheckpoint Content)
    {
        public ForgetMark ToMark() => new(Row.Version, Row.Epoch, Content.Sequence, Row.WrittenAt);
    }

    /// <summary>What the checkpoint to start from, if there is one, and the rows read so far make of the shard.</summary>
    private sealed class Replay(ILogger logger, Checkpoint? start)
    {
        public OpenTransactions Open { get; private set; } = start?.Content.Open ?? new OpenTransactions();

        /// <summary>As the last checkpoint says.</summary>
        public ForgetState Forgetting { get; private set; } = start?.Content.Forgetting ?? ForgetState.Nothing;

        /// <summary>The last one; null for none.</summary>
        public ForgetMark? LastCheckpoint { get; private set; } = start?.ToMark();

        /// <summary>Held, never read as absent (L06): later rows still count, and inquiries below it are not presumed.</summary>
        public long UnreadableVersion { get; private set; } = start?.Content.UnreadableVersion ?? 0;

        public void Read(LogRow row)
        {
            if (row.Fault is { } fault)
            {
                Hold(row, fault);
                return;
            }

            switch (row.Kind)
            {
                case RowKind.ShardOwned or RowKind.Fenced or RowKind.ShardReleased:
                    break;
                case RowKind.ShardCheckpoint:
                    ReadCheckpoint(row);
                    break;
                default:
                    ReadEvent(row);
                    break;
            }
        }

        private void ReadEvent(LogRow row)
        {
            try
            {
                Open.Apply(ShardEventCodec.Decode(row));
            }
            catch (LogCorruptException corrupt)
            {
                Hold(row, corrupt.Message);
            }
        }

        private void ReadCheckpoint(LogRow row)
        {
            if (TryDecode(row, logger) is not { Content: var found })
            {
                UnreadableVersion = row.Version;
                return;
            }

            // It was made of memory and must say what the rows before it say. Where some of those can't be read it knows more.
            if (UnreadableVersion == 0
                && !row.Payload.Span.SequenceEqual((found with { Open = Open }).Encode()))
            {
                Hold(row, "it contradicts the rows before it");
                return;
            }

            Open = found.Open;
            Forgetting = found.Forgetting;
            UnreadableVersion = Math.Max(UnreadableVersion, found.UnreadableVersion);
            if (UnreadableVersion < Forgetting.Horizon?.Version)
            {
                UnreadableVersion = 0; // removed, or as good as that: below the horizon nothing is presumed anyway, and above it nothing has a row there
            }

            LastCheckpoint = new Checkpoint(row, found).ToMark();
        }

        private void Hold(LogRow row, string fault)
        {
            RowUnreadable(logger, row.Stream, row.Version, fault);
            UnreadableVersion = row.Version;
        }
    }

    [LoggerMessage(1106, LogLevel.Critical, "Row {Version} of {Stream} can't be read: {Fault}. What was decided below it is held until an operator decides; new work goes on at the end.")]
    internal static partial void RowUnreadable(ILogger logger, StreamName stream, long version, string fault);

    [LoggerMessage(1107, LogLevel.Error, "The checkpoint in row {Version} of {Stream} can't be used; all rows are replayed.")]
    private static partial void CheckpointUnusable(ILogger logger, long version, StreamName stream);
}
