using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// Where the log's rows are. A store writes groups of rows atomically and says honestly what it knows of them; it decides
/// nothing. All of it passes the conformance suite of Coordinator.Testing, ambiguous answers included.
/// </summary>
/// <remarks>
/// Rows are unique by (stream, version); streams compare byte by byte. At most one <see cref="AppendAsync"/> or
/// <see cref="ClaimAsync"/> is under way at a time; reads may run beside it. A read sees only committed rows.
/// </remarks>
internal interface ILogStore : IAsyncDisposable
{
    /// <summary>What and where, for messages to people; never a password.</summary>
    string Description { get; }

    /// <summary>Where the hosts that share the log beat; null where a lock of the operating system shows who lives.</summary>
    IHostBeats? Beats { get; }

    /// <summary>Where the store keeps snapshots; null where it keeps none.</summary>
    ISnapshotStore? Snapshots { get; }

    /// <summary>Removal of what the log may forget.</summary>
    ILogRemoval Removal { get; }

    /// <summary>
    /// Opens the log; creates the schema and the meta row if they are missing and creation is allowed. Takes the owner's lock
    /// where the store has one, waiting for it until cancelled.
    /// </summary>
    /// <exception cref="LogStoreException">The store is missing, unsafe, foreign or of another version; the message says what to do.</exception>
    ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation);

    /// <summary>
    /// Writes all rows or none, in one transaction, if all checks hold; durable before it answers Landed. It is never
    /// cancelled and has no time-out. After <see cref="GroupAnswerKind.Unclear"/> the connection is destroyed before
    /// anything else is sent, so that the next call runs on a new one (rule D-2).
    /// </summary>
    ValueTask<GroupAnswer> AppendAsync(RowGroup group);

    /// <summary>
    /// Gives up on an <see cref="AppendAsync"/> or <see cref="ClaimAsync"/> that does not come back: it answers Unclear as soon as the store can let go of
    /// its connection. Its rows may still land later.
    /// </summary>
    void AbandonAppend();

    /// <summary>
    /// Appends a ShardOwned row at the shard's end in one server-side statement, if the shard's epoch is still the guard
    /// and the log is still the one that was opened, with as many shards; both are read on one snapshot.
    /// </summary>
    ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim);

    /// <summary>
    /// Reads, on one snapshot, for each key whether a row stands there and what its stream ends with.
    /// </summary>
    ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation);

    /// <summary>Reads rows of a stream in order from a version on, at most <paramref name="count"/>; fewer only at the end.</summary>
    /// <exception cref="LogCorruptException">A row can't be trusted, unless <paramref name="unreadable"/> asks for a mark.</exception>
    ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation);

    /// <summary>Reads the last row of a stream, or null; nothing of what stands before it.</summary>
    /// <exception cref="LogCorruptException">It can't be trusted.</exception>
    ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation);

    /// <summary>
    /// Reads, on one snapshot, the shard's last row and its last ShardOwned row. Rows that can't be trusted are marked and
    /// not thrown: their shard goes on at its end.
    /// </summary>
    ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation);

    /// <summary>Finds the decision row of a transaction in its shard, or null.</summary>
    /// <exception cref="LogCorruptException">It was found and can't be trusted.</exception>
    ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation);
}

/// <summary>What a read does with a row that can't be trusted.</summary>
internal enum UnreadableRows : byte
{
    /// <summary>It throws <see cref="LogCorruptException"/>.</summary>
    Throw,

    /// <summary>
    /// It returns the row with <see cref="LogRow.Fault"/> set and goes on behind it. For recovery of a shard, where such a
    /// row holds the answers about transactions below it, while new work goes on at the end.
    /// </summary>
    Mark,
}

/// <summary>The usual ways to call a store.</summary>
internal static class LogStoreExtensions
{
    private const int PageSize = 1000;

    /// <summary>Reads the rows of a shard from one version up to another, page by page; those that can't be trusted are marked.</summary>
    public static async IAsyncEnumerable<LogRow> ReadShardAsync(
        this ILogStore store, StreamName shard, long from, long before, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (from < before)
        {
            var count = (int)Math.Min(PageSize, before - from);
            var rows = await store.ReadAsync(shard, from, count, UnreadableRows.Mark, cancellation).ConfigureAwait(false);
            Invariant.Holds(rows.Length > 0, $"{shard} has no holes: row {from} is there");
            foreach (var row in rows)
            {
                from = row.Version + 1;
                yield return row;
            }
        }
    }

    /// <summary>Reads rows of which each can be trusted.</summary>
    /// <exception cref="LogCorruptException">One can't.</exception>
    public static ValueTask<ImmutableArray<LogRow>> ReadAsync(
        this ILogStore store, StreamName stream, long fromVersion, int count, CancellationToken cancellation) =>
        store.ReadAsync(stream, fromVersion, count, UnreadableRows.Throw, cancellation);
}

/// <summary>What the stream <c>meta</c> says about the log.</summary>
/// <param name="Identity">Which log it is (rule D-3).</param>
/// <param name="ShardCount">How many shards it has: 1 embedded. May grow, never shrinks.</param>
/// <param name="FormatVersion">Of rows and schema. Older software refuses a newer log.</param>
internal sealed record LogMeta(LogIdentity Identity, int ShardCount, int FormatVersion)
{
    /// <summary>The format this software writes.</summary>
    public const int CurrentFormatVersion = 1;

    /// <summary>The most shards a log may have: as many as a transaction id can name.</summary>
    public const int ShardCountMax = ushort.MaxValue + 1;
}

/// <summary>A log that was opened.</summary>
/// <param name="Meta">What its meta stream says.</param>
/// <param name="RecordedStore">The identity of the store that the meta stream names; empty where stores have none.</param>
/// <param name="Store">
/// The identity of the store that it was found in. If it differs, this is a copy: restored, or promoted from a replica (rule D-3).
/// </param>
internal sealed record OpenedLog(LogMeta Meta, string RecordedStore, string Store);

/// <summary>One atomic write.</summary>
/// <param name="Rows">Sorted by stream (byte order) and version; each stream's rows are consecutive versions.</param>
/// <param name="Checks">One for each stream that is written or whose read is validated; must hold when the rows are written.</param>
internal sealed record RowGroup(ImmutableArray<LogRow> Rows, ImmutableArray<StreamCheck> Checks)
{
    /// <summary>
    /// Whoever awaits the answer may go on on the store's own writing thread, which spares two changes of thread before the next write.
    /// Only for one that writes again or is done at once, and calls nobody: until it returns, that thread does nothing else.
    /// </summary>
    public bool ContinuesOnWriter { get; init; }

    /// <summary>
    /// Whoever writes to a stream that this group only reads must wait for the group, or make it fail (rule D-9). False only in a log of one
    /// shard: there every group writes a row of that shard, so that of two that overlap one fails at its key, and a check that saw the
    /// streams as they were before is enough. <em>With several shards two groups would each miss what the other writes: write skew.</em>
    /// </summary>
    public bool LocksReads { get; init; } = true;
}

/// <summary>What a store knows after a write.</summary>
internal enum GroupAnswerKind : byte
{
    /// <summary>COMMIT was acknowledged cleanly: all rows are durable.</summary>
    Landed,

    /// <summary>A check did not hold or a key was taken; rolled back, nothing landed. The caller inspects why.</summary>
    CheckFailed,

    /// <summary>The server refuses the content of these rows; rolled back, nothing landed. Sending them again is no use.</summary>
    Refused,

    /// <summary>The server can't write just now (busy, full, shutting down); rolled back, nothing landed. Try again later.</summary>
    TryAgain,

    /// <summary>Anything else: it may have landed, or may still land.</summary>
    Unclear,
}

/// <summary>A store's answer to a write.</summary>
/// <param name="Kind">What it knows.</param>
/// <param name="Error">What the server said; null for Landed and CheckFailed.</param>
internal readonly record struct GroupAnswer(GroupAnswerKind Kind, Exception? Error = null);

/// <summary>A claim of a shard.</summary>
/// <param name="Row">The ShardOwned row with version, epoch and position left 0; the store fills them in at the shard's end.</param>
/// <param name="GuardEpoch">The epoch it replaces; 0 for a shard without rows.</param>
/// <param name="Opened">The log as the claimant opened it.</param>
internal sealed record ShardClaim(LogRow Row, long GuardEpoch, LogMeta Opened)
{
    /// <summary>What the last meta row must carry, or nothing is claimed.</summary>
    public AppendId MetaAppendId => MetaRow.AppendIdOf(Opened);
}

/// <summary>A store's answer to a claim.</summary>
/// <param name="Kind">Landed; CheckFailed if the guard failed; or as for a write.</param>
/// <param name="Version">Where it landed.</param>
/// <param name="Error">What the server said.</param>
internal readonly record struct ClaimAnswer(GroupAnswerKind Kind, long Version = 0, Exception? Error = null);

/// <summary>The key of a row.</summary>
internal readonly record struct RowKey(StreamName Stream, long Version);

/// <summary>What stands at a key.</summary>
/// <param name="Key">The key asked about.</param>
/// <param name="Exists">Whether a row stands there.</param>
/// <param name="AppendId">Of that row.</param>
/// <param name="Kind">Of that row.</param>
/// <param name="End">What the key's stream ends with.</param>
/// <param name="EndPosition">Position of the stream's last row.</param>
internal readonly record struct KeyFinding(
    RowKey Key, bool Exists, AppendId AppendId, RowKind Kind, StreamEnd End, LogPosition EndPosition);

/// <summary>How a shard ends.</summary>
/// <param name="LastVersion">Of its last row; 0 if it has none.</param>
/// <param name="Owned">Its last ShardOwned row, or null.</param>
/// <param name="Last">Its last row, or null.</param>
internal sealed record ShardEnd(long LastVersion, LogRow? Owned, LogRow? Last)
{
    /// <summary>Its owner has handed it over: it has written its last row.</summary>
    public bool IsReleased => Last is { Fault: null, Kind: RowKind.ShardReleased };
}
