using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>
/// Reads a log from outside, by SQL, each time what is behind the last look, and judges what no log may hold: holes, rows that can't be trusted, who wrote what under which claim.
/// </summary>
internal sealed class LogAudit
{
    private const int StreamColumn = 16;

    private readonly Dictionary<string, ShardAudit> _shards = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Version, LogPosition Position)> _ends = new(StringComparer.Ordinal);

    private long _rowCount;

    /// <summary>How often shards were claimed.</summary>
    public int ClaimCount => _shards.Values.Sum(shard => shard.ClaimCount);

    /// <summary>How often one was handed over and claimed right behind that.</summary>
    public int HandOverCount => _shards.Values.Sum(shard => shard.HandOverCount);

    /// <summary>A copy that goes on from here by itself: to be shown a damaged log.</summary>
    public LogAudit Fork()
    {
        var fork = new LogAudit { _rowCount = _rowCount };
        foreach (var (name, shard) in _shards)
        {
            fork._shards.Add(name, shard.Fork());
        }

        foreach (var (stream, end) in _ends)
        {
            fork._ends.Add(stream, end);
        }

        return fork;
    }

    /// <summary>Reads what is new.</summary>
    public async Task<LogWindow> ReadAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {RowDecoder.Columns}, stream FROM coordinator_event WHERE {IsNew} ORDER BY shard, position, stream, version";
        await using var rows = await command.ExecuteReaderAsync();
        var read = new List<LogRow>();
        while (await rows.ReadAsync())
        {
            read.Add(RowDecoder.Read(rows, new StreamName(rows.GetString(StreamColumn))));
        }

        return Take(read);
    }

    /// <summary>Counts what was read so far once more: nothing of it may be gone, and nothing may have come in between. What is wrong, or null.</summary>
    public async Task<string?> RecountAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
        var read = _shards.Values.Select(shard => string.Create(CultureInfo.InvariantCulture, $"(shard = {shard.Last!.Position.Shard} AND position <= {shard.Last.Version})"));
        command.CommandText = $"SELECT count(*) FROM coordinator_event WHERE stream <> 'meta' AND ({string.Join(" OR ", read.DefaultIfEmpty("1 = 0"))})";
        var count = (long)(await command.ExecuteScalarAsync())!;
        return count == _rowCount ? null : string.Create(CultureInfo.InvariantCulture, $"the log had {_rowCount} rows up to where it was judged, and now it has {count} there");
    }

    /// <summary>Every row has the position of its batch, which is the version of the batch's row in its shard.</summary>
    private string IsNew
    {
        get
        {
            var known = _shards.Values.Where(shard => shard.Last is not null).Select(shard => (shard.Last!.Position.Shard, shard.Last.Version)).ToArray();
            var behind = known.Select(one => string.Create(CultureInfo.InvariantCulture, $"(shard = {one.Shard} AND position > {one.Version})"));
            var unknown = known.Length == 0 ? "1 = 1" : $"shard NOT IN ({string.Join(", ", known.Select(one => one.Shard.ToString(CultureInfo.InvariantCulture)))})";
            return $"stream <> 'meta' AND ({string.Join(" OR ", behind.Append(unknown))})";
        }
    }

    private LogWindow Take(List<LogRow> rows)
    {
        _rowCount += rows.Count;
        var faults = new List<string>();
        var (decisions, events, inDoubt) = (new List<LoggedDecision>(), new List<LogEvent>(), new List<string>());
        foreach (var row in rows.Where(row => LogStreams.IsShard(row.Stream)))
        {
            var name = row.Stream.Value;
            if (!_shards.TryGetValue(name, out var shard))
            {
                _shards.Add(name, shard = new ShardAudit());
            }

            shard.Take(row, faults);
            if (row.IsDecision)
            {
                decisions.Add(DecisionOf(row));
            }
            else if (row.Kind is RowKind.LastResourceCommitting)
            {
                inDoubt.Add($"{row}");
            }
        }

        var work = rows.Where(row => !LogStreams.IsShard(row.Stream)).ToArray();
        foreach (var stream in work.GroupBy(row => row.Stream))
        {
            Follow(stream.Key.Value, stream.OrderBy(row => row.Version), faults);
        }

        inDoubt.AddRange(work.Where(row => row.Kind is RowKind.Held).Select(row => $"{row}"));
        events.AddRange(work.Where(row => row.Type.StartsWith("chaos.", StringComparison.Ordinal)).Select(EventOf));
        var written = work.Where(row => row.Kind is RowKind.Event).Select(row => new LoggedRow(row.Transaction.ToString(), row.Stream.Value, row.Version));
        return new LogWindow(decisions, [.. written], events, faults, inDoubt);
    }

    /// <summary>A user's stream: no hole, every row as it was written, and each names the batch of the one before it (D-10).</summary>
    private void Follow(string stream, IEnumerable<LogRow> rows, List<string> faults)
    {
        var (version, position) = _ends.GetValueOrDefault(stream, (0, LogPosition.None));
        foreach (var row in rows)
        {
            if (row.Version != version + 1)
            {
                faults.Add($"{stream} has a hole before version {row.Version}");
            }
            else if (row.Previous != position)
            {
                faults.Add($"{row} says that the row before it came with {row.Previous}, which was {position}");
            }

            if (RowTrust.FaultOf(row, null) is { } fault)
            {
                faults.Add($"{row} can't be trusted: {fault}");
            }

            (version, position) = (row.Version, row.Position);
        }

        _ends[stream] = (version, position);
    }

    /// <summary>Nothing more is written to these: what is kept of them is let go.</summary>
    public void Forget(Func<string, bool> isOver)
    {
        foreach (var stream in _ends.Keys.Where(isOver).ToArray())
        {
            _ends.Remove(stream);
        }
    }

    private static LoggedDecision DecisionOf(LogRow row)
    {
        var (writes, count) = (ImmutableArray<string>.Empty, 0);
        if (row.Kind is RowKind.CommitDecided)
        {
            using var content = JsonDocument.Parse(row.Payload);
            var streams = content.RootElement.GetProperty("streams").EnumerateArray().ToArray();
            count = streams.Sum(one => one.GetProperty("count").GetInt32());
            writes = [.. streams.Where(one => one.GetProperty("count").GetInt32() > 0).Select(one => one.GetProperty("stream").GetString()!)];
        }

        return new LoggedDecision(row.Transaction.ToString(), row.Kind is RowKind.CommitDecided, row.Stream.Value, row.Version, writes) { RowCount = count };
    }

    private static LogEvent EventOf(LogRow row)
    {
        using var content = JsonDocument.Parse(row.Payload);
        return new LogEvent(row.Stream.Value, row.Version, row.Type, row.Transaction.ToString(), content.RootElement.Clone());
    }
}
