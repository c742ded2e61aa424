using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Shards;

/// <summary>What a new owner knows from the shard's stream.</summary>
/// <param name="Lane">The claimed shard.</param>
/// <param name="Open">Transactions that somebody still has to hear of.</param>
/// <param name="UnreadableVersion">The highest row that can't be read; 0 if all can.</param>
internal sealed record RecoveredShard(ShardLane Lane, IReadOnlyList<CommitState> Open, long UnreadableVersion)
{
    private const int PageSize = 1000;

    /// <summary>
    /// Replays the shard through the same Apply as live steps. Called after the claim: only then can no older owner add
    /// rows behind what was read.
    /// </summary>
    public static async ValueTask<RecoveredShard> ReplayAsync(ILogStore store, ShardLane lane, CancellationToken cancellation)
    {
        var open = new Dictionary<TransactionId, CommitState>();
        var unreadable = 0L;
        var next = 1L;
        while (next < lane.Ownership.NextVersion)
        {
            var rows = await store.ReadAsync(lane.Stream, next, PageSize, UnreadableRows.Mark, cancellation).ConfigureAwait(false);
            Invariant.Holds(rows.Length > 0, $"{lane.Stream} has no holes: row {next} is there");
            foreach (var row in rows)
            {
                next = row.Version + 1;
                if (!TryReplay(open, row))
                {
                    // Held, never read as absent (L06): later rows still count, and inquiries below it are not presumed.
                    unreadable = row.Version;
                }
            }
        }

        return new RecoveredShard(lane, [.. open.Values], unreadable);
    }

    private static bool TryReplay(Dictionary<TransactionId, CommitState> open, LogRow row)
    {
        if (row.Fault is not null)
        {
            return false;
        }

        if (row.Kind is RowKind.ShardOwned or RowKind.Fenced)
        {
            return true;
        }

        CommitEvent durable;
        try
        {
            durable = ShardEventCodec.Decode(row);
        }
        catch (LogCorruptException)
        {
            return false;
        }

        if (durable is CommitEvent.TransactionEnded && !open.ContainsKey(row.Transaction))
        {
            return true; // its decision is in a row that can't be read: everyone has acknowledged, nothing is open
        }

        var state = CommitProtocol.Apply(open.GetValueOrDefault(row.Transaction), durable);
        if (state.CanForget)
        {
            open.Remove(row.Transaction);
        }
        else
        {
            open[row.Transaction] = state;
        }

        return true;
    }
}
