using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>
/// Reads a state out of the log, page by page: from the snapshot and the rows behind it, from all rows where there is none, or the last
/// row of a plain value.
/// </summary>
/// <param name="stream">The stream.</param>
/// <param name="shape">What it is used as.</param>
/// <param name="store">The log.</param>
/// <param name="accepts">Asked for each row in order: false ends the reading before it.</param>
internal sealed class StateReader(StreamName stream, StateShape shape, ILogStore store, Func<LogRow, bool> accepts)
{
    private const int PageSize = 500;
    private const int PageSizeBack = 16;

    /// <summary>The last version wanted.</summary>
    public long VersionMax { get; set; } = long.MaxValue;

    /// <summary>What <see cref="LastWritten"/> is to know of: rows whose <see cref="LogRow.WrittenAt"/> is not later.</summary>
    public long WrittenMax { get; set; } = long.MaxValue;

    /// <summary>The state behind the last row that was written by then, however many there are behind it.</summary>
    public StateAt LastWritten { get; private set; } = shape.Initial;

    /// <summary>The last page was the end of the stream, or ended before a row that was not accepted.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>The reading ended before a row that was not accepted.</summary>
    public bool IsCut { get; private set; }

    /// <summary>The last row is the mark of a transaction that holds the stream (rule D-7).</summary>
    public bool IsHeld { get; private set; }

    /// <summary>Version of the snapshot that was used; 0 for none.</summary>
    public long SnapshotVersion { get; private set; }

    /// <summary>Reads on from a state.</summary>
    /// <exception cref="LogBehindSnapshotException">The log lacks the row that the snapshot ends with.</exception>
    /// <exception cref="LogCorruptException">A row can't be trusted.</exception>
    public async ValueTask<StateAt> NextAsync(StateAt from, CancellationToken cancellation)
    {
        IsAtEnd = IsCut = IsHeld = false;
        if (shape.IsValue)
        {
            return await LastValueAsync(from, cancellation).ConfigureAwait(false);
        }

        if (CountAfter(from.Version) is not (> 0 and var count))
        {
            IsAtEnd = true;
            return from;
        }

        if (from.Version == 0 && shape.Snapshots is { } type && await FromSnapshotAsync(type, cancellation).ConfigureAwait(false) is { } at)
        {
            return at;
        }

        var rows = await store.ReadAsync(stream, from.Version + 1, count, cancellation).ConfigureAwait(false);
        IsAtEnd = rows.Length < count;
        return Fold(from, rows.AsSpan());
    }

    /// <summary>Reads to the end.</summary>
    /// <inheritdoc cref="NextAsync" path="/exception"/>
    public async ValueTask<StateAt> ToEndAsync(StateAt from, CancellationToken cancellation)
    {
        do
        {
            from = await NextAsync(from, cancellation).ConfigureAwait(false);
        }
        while (!IsAtEnd);

        return from;
    }

    private async ValueTask<StateAt?> FromSnapshotAsync(SnapshotType type, CancellationToken cancellation)
    {
        if (await shape.Keeper.ReadAsync(stream, type, cancellation).ConfigureAwait(false) is not var (snapshot, state))
        {
            return null;
        }

        // One that this process does not understand, or does not need, proves all the same that the log had the row (rule D-3).
        var isWanted = state is not null && snapshot.Version <= VersionMax;
        var count = 1 + (isWanted ? CountAfter(snapshot.Version) : 0);
        var rows = await store.ReadAsync(stream, snapshot.Version, count, cancellation).ConfigureAwait(false);
        if (!shape.Keeper.IsVouchedFor(snapshot, rows.IsEmpty ? null : rows[0]) || !isWanted || rows[0].WrittenAt > WrittenMax || !accepts(rows[0]))
        {
            return null;
        }

        SnapshotVersion = snapshot.Version;
        IsAtEnd = rows.Length < count;
        LastWritten = new StateAt(snapshot.Version, rows[0].Position, state);
        return Fold(LastWritten, rows.AsSpan()[1..]);
    }

    private int CountAfter(long version) => (int)Math.Min(PageSize, VersionMax - version);

    private StateAt Fold(StateAt at, ReadOnlySpan<LogRow> rows)
    {
        foreach (var row in rows)
        {
            if (!accepts(row))
            {
                IsAtEnd = IsCut = true;
                break;
            }

            at = new StateAt(row.Version, row.Position, row.Kind is RowKind.Event ? shape.Fold(at.State, shape.Read(row)) : at.State);
            IsHeld = row.Kind is RowKind.Held;
            LastWritten = row.WrittenAt <= WrittenMax ? at : LastWritten;
        }

        return at;
    }

    private async ValueTask<StateAt> LastValueAsync(StateAt from, CancellationToken cancellation)
    {
        IsAtEnd = true;
        var last = await store.ReadLastAsync(stream, cancellation).ConfigureAwait(false);
        if (last is null || last.Version <= from.Version)
        {
            return from;
        }

        return last.Kind is RowKind.Event && accepts(last)
            ? new StateAt(last.Version, last.Position, shape.Read(last))
            : await LastValueBeforeAsync(from, last.Version, cancellation).ConfigureAwait(false);
    }

    /// <summary>The last row is none of a value, or is not accepted: backwards to one that is.</summary>
    private async ValueTask<StateAt> LastValueBeforeAsync(StateAt from, long to, CancellationToken cancellation)
    {
        LogRow? end = null;
        while (to > from.Version)
        {
            var first = Math.Max(from.Version + 1, to - PageSizeBack + 1);
            var rows = await store.ReadAsync(stream, first, (int)(to - first + 1), cancellation).ConfigureAwait(false);
            for (var i = rows.Length - 1; i >= 0; i--)
            {
                end ??= EndIfAccepted(rows[i]);
                if (end is not null && rows[i].Kind is RowKind.Event)
                {
                    return new StateAt(end.Version, end.Position, shape.Read(rows[i]));
                }
            }

            to = first - 1;
        }

        return end is null ? from : new StateAt(end.Version, end.Position, from.State);
    }

    private LogRow? EndIfAccepted(LogRow row)
    {
        var isAccepted = accepts(row);
        IsCut |= !isAccepted;
        IsHeld = isAccepted && row.Kind is RowKind.Held;
        return isAccepted ? row : null;
    }
}
