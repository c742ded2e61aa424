using System.Collections.Immutable;
using Coordinator.Protocol;

namespace Coordinator.Log;

/// <summary>
/// Whether rows that were read are what was written. A row that isn't is never left out: absent means aborted (presumed
/// abort), unreadable means nobody knows.
/// </summary>
internal static class RowTrust
{
    /// <summary>More than any batch may hold: a larger length is damage, and must not be allocated.</summary>
    public const int PayloadBytesMax = 256 << 20;

    /// <summary>The longest name of an event type, in characters.</summary>
    public const int TypeLengthMax = 1024;

    /// <summary>The first microsecond that a clock can show. Readers make an instant of a row's, which takes none before it.</summary>
    public static readonly long WrittenAtMin = (DateTimeOffset.MinValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The last microsecond that a clock can show.</summary>
    public static readonly long WrittenAtMax = (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Why the row can't be trusted, or null.</summary>
    /// <param name="row">The row; a fault that the store found while decoding is kept.</param>
    /// <param name="before">The row before it in the stream, if it was read: needed to seed a shard row's checksum.</param>
    public static string? FaultOf(LogRow row, LogRow? before)
    {
        if (row.Fault is not null)
        {
            return row.Fault;
        }

        return ContentFaultOf(row) ?? ChecksumFaultOf(row, before);
    }

    /// <summary>The row, if it can be trusted.</summary>
    /// <exception cref="LogCorruptException">It can't.</exception>
    public static LogRow Trusted(LogRow row, LogRow? before) =>
        FaultOf(row, before) is { } fault ? throw new LogCorruptException(row.Stream, row.Version, fault) : row;

    /// <summary>What no row may hold: never written, and damage if it is read.</summary>
    public static string? ContentFaultOf(LogRow row)
    {
        if (!Enum.IsDefined(row.Kind))
        {
            return $"its kind {(int)row.Kind} is unknown to this version of the software";
        }

        if (row.Version < 1)
        {
            return "versions start at 1";
        }

        if (row.Type.Length > TypeLengthMax || row.Type.Contains('\0', StringComparison.Ordinal))
        {
            return $"the name of its type is longer than {TypeLengthMax} characters or holds a NUL";
        }

        if (row.WrittenAt < WrittenAtMin || row.WrittenAt > WrittenAtMax)
        {
            return "it was written in no year from 1 to 9999";
        }

        return row.Payload.Length > PayloadBytesMax ? $"its payload is larger than {PayloadBytesMax} bytes" : null;
    }

    /// <summary>
    /// Verifies rows of one stream in order and makes the page that was asked for.
    /// </summary>
    /// <param name="stream">The stream.</param>
    /// <param name="fromVersion">The first version asked for.</param>
    /// <param name="count">How many rows were asked for.</param>
    /// <param name="unreadable">What to do with a row that can't be trusted.</param>
    /// <param name="read">Consecutive rows from the store: the one before the page first if there is one and it is needed.</param>
    public static ImmutableArray<LogRow> Page(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, IReadOnlyList<LogRow> read)
    {
        LogRow? before = null;
        var page = ImmutableArray.CreateBuilder<LogRow>(Math.Min(count, read.Count));
        var expected = Math.Max(1, fromVersion);
        foreach (var row in read)
        {
            if (row.Version < fromVersion)
            {
                before = row;
                continue;
            }

            if (page.Count == count)
            {
                break;
            }

            if (row.Version > expected && unreadable is UnreadableRows.Throw)
            {
                throw new LogCorruptException(stream, expected, $"it is missing, though there is a row {row.Version}");
            }

            var fault = row.Version > expected ? $"rows {expected} to {row.Version - 1} before it are missing" : FaultOf(row, before);
            if (fault is not null && unreadable is UnreadableRows.Throw)
            {
                throw new LogCorruptException(stream, row.Version, fault);
            }

            page.Add(fault is null ? row : Marked(row, fault));
            before = row;
            expected = row.Version + 1;
        }

        return page.DrainToImmutable();
    }

    /// <summary>The row with its fault, or as it is if it has none.</summary>
    public static LogRow Mark(LogRow row, LogRow? before) => FaultOf(row, before) is { } fault ? Marked(row, fault) : row;

    /// <summary>A copy that says why it can't be trusted.</summary>
    private static LogRow Marked(LogRow row, string fault) => new()
    {
        Stream = row.Stream,
        Version = row.Version,
        Kind = row.Kind,
        AppendId = row.AppendId,
        Transaction = row.Transaction,
        Epoch = row.Epoch,
        Checkpoint = row.Checkpoint,
        Position = row.Position,
        Previous = row.Previous,
        Type = row.Type,
        TypeVersion = row.TypeVersion,
        WrittenAt = row.WrittenAt,
        Payload = row.Payload,
        Checksum = row.Checksum,
        Fault = fault,
    };

    private static string? ChecksumFaultOf(LogRow row, LogRow? before)
    {
        uint seed = 0;
        if (LogStreams.IsShard(row.Stream) && row.Kind is not RowKind.ShardOwned && row.Version > 1)
        {
            if (before is null || before.Version != row.Version - 1)
            {
                return "the row before it, which its checksum continues, is missing";
            }

            // ShardOwned starts a chain, so its own version is only vouched for by the row behind it.
            seed = RowChecksum.SeedAfter(before);
        }

        return RowChecksum.Of(row, seed) == row.Checksum ? null : "its checksum differs from its content";
    }
}
