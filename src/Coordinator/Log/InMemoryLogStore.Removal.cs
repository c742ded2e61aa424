using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <content>Removal of what may be forgotten.</content>
internal sealed partial class InMemoryLogStore : ILogRemoval
{
    /// <inheritdoc/>
    public ILogRemoval Removal => this;

    /// <inheritdoc/>
    public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(horizon);
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var rows = RowsOf(LogStreams.Shard(shard));
            var removed = rows.TakeWhile(row => row.Version < horizon.Version).Where(row => ForgetRules.MayRemove(horizon, row.Version)).Take(countMax).ToHashSet();
            rows.RemoveAll(removed.Contains);
            foreach (var row in removed.Where(row => row.IsDecision && _decisions.GetValueOrDefault(row.Transaction) == row))
            {
                _decisions.Remove(row.Transaction);
            }

            return ValueTask.FromResult(removed.Count);
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var removed = 0;
            foreach (var (stream, rows) in _streams.Where(one => LogStreams.IsKey(one.Key)).ToList())
            {
                while (removed < countMax && rows.Count > 0 && rows[0].WrittenAt < writtenBefore)
                {
                    rows.RemoveAt(0);
                    removed++;
                }

                if (rows.Count == 0)
                {
                    _streams.Remove(stream);
                }
            }

            return ValueTask.FromResult(removed);
        }
    }

    /// <summary>Where the first row stands whose version is not below this one.</summary>
    private static int IndexOf(List<LogRow> rows, long version)
    {
        // Streams have no holes but where rows were removed: the place is mostly known from the end.
        var at = rows.Count - 1 - (rows.Count == 0 ? 0 : (int)Math.Min(rows[^1].Version - version, rows.Count - 1L));
        at = Math.Clamp(at, 0, rows.Count);
        while (at < rows.Count && rows[at].Version < version)
        {
            at++;
        }

        while (at > 0 && rows[at - 1].Version >= version)
        {
            at--;
        }

        return at;
    }

    private static LogRow? Find(List<LogRow> rows, long version) =>
        IndexOf(rows, version) is var at && at < rows.Count && rows[at].Version == version ? rows[at] : null;
}
