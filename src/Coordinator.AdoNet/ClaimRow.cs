using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.AdoNet;

/// <summary>The row of a claim, as it is sent.</summary>
internal static class ClaimRow
{
    /// <summary>The checksum of a claim, which leaves out what only the statement knows.</summary>
    public static LogRow Sealed(LogRow row)
    {
        if (!LogStreams.TryParseShard(row.Stream, out var shard))
        {
            throw new ArgumentException($"'{row.Stream}' is no shard.", nameof(row));
        }

        var claim = new LogRow
        {
            Stream = row.Stream,
            Version = 0,
            Kind = RowKind.ShardOwned,
            AppendId = row.AppendId,
            Checkpoint = row.Checkpoint,
            Position = new LogPosition(shard, 0),
            Previous = row.Previous,
            Type = row.Type,
            TypeVersion = row.TypeVersion,
            WrittenAt = row.WrittenAt,
            Payload = row.Payload,
        };
        claim.Checksum = RowChecksum.Of(claim, 0);
        return claim;
    }
}
