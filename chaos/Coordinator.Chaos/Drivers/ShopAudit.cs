using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Coordinator.Chaos.Drivers;

/// <summary>
/// Judges a Shop's log from outside: by SQL over a copy of the file or over the table, with none of the product's code between.
/// Every finding is a violation. Of a log of something else it judges who wrote what, and that the sums of no shop are right.
/// </summary>
internal sealed class ShopAudit
{
    private const int KindEvent = 1, KindHeld = 2, ShardKindFirst = 16, KindShardOwned = 16, KindLastResourceCommitting = 18, KindCommitDecided = 19, KindAbortDecided = 20, KindShardReleased = 22;

    // Where the fields of a transaction id stand in its digits: those of the log, its generation and the shard come first.
    private const int EpochDigit = 18, ClaimDigit = 28, FieldDigits = 10;

    /// <summary>What <see cref="Of(DbDataReader)"/> reads, in any schema that the connection looks into.</summary>
    public const string Query = "SELECT stream, version, kind, transaction_id, epoch, type, payload FROM coordinator_event ORDER BY stream, version";

    private readonly Dictionary<string, long> _placed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _settled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _paid = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Order, string Item), int> _moved = [];
    private readonly Dictionary<(string Order, string Item), int> _wanted = [];
    private readonly Dictionary<string, int> _published = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _streamsOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _decided = new(StringComparer.Ordinal);
    private readonly List<string> _violations = [];
    private readonly Dictionary<long, long> _claims = [];
    private readonly HashSet<string> _aborted = new(StringComparer.Ordinal);
    private int _shardKindBefore;
    private long _paidIn;
    private long _left;

    /// <summary>Orders that are settled in the log.</summary>
    public IReadOnlyCollection<string> Settled => _settled.Keys;

    /// <summary>Transactions whose decision is in the log.</summary>
    public int DecidedCount => _decided.Count;

    /// <summary>Those transactions, by the digits of their ids in upper case.</summary>
    public IReadOnlyCollection<string> Decided => _decided.Keys;

    /// <summary>How often the shard was claimed.</summary>
    public int ClaimCount => _claims.Count;

    /// <summary>How often it was handed over and claimed right behind that.</summary>
    public int HandOverCount { get; private set; }

    /// <summary>Held rows and last resources without an outcome.</summary>
    public int InDoubtCount { get; private set; }

    /// <summary>Reads a copy of the database and its write-ahead log, so that looking changes nothing.</summary>
    public static (ShopAudit Audit, IReadOnlyList<string> Violations) Of(string dataFolder, string file = "shop.db")
    {
        var copy = Directory.CreateTempSubdirectory("coordinator-audit-");
        try
        {
            foreach (var part in Directory.EnumerateFiles(dataFolder, file + "*").Where(one => !one.EndsWith("-shm", StringComparison.Ordinal)))
            {
                File.Copy(part, Path.Combine(copy.FullName, Path.GetFileName(part)));
            }

            var audit = new ShopAudit();
            audit.Read(Path.Combine(copy.FullName, file));
            audit.Judge();
            return (audit, audit._violations);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    /// <summary>Reads what <see cref="Query"/> gives.</summary>
    public static (ShopAudit Audit, IReadOnlyList<string> Violations) Of(DbDataReader rows)
    {
        var audit = new ShopAudit();
        audit.Read(rows);
        audit.Judge();
        return (audit, audit._violations);
    }

    private void Read(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT count(*) FROM sqlite_master WHERE name = 'coordinator_event'";
        if ((long)command.ExecuteScalar()! == 0)
        {
            return; // killed before the schema was there
        }

        command.CommandText = Query;
        using var rows = command.ExecuteReader();
        Read(rows);
    }

    private void Read(DbDataReader rows)
    {
        var (stream, version, epoch, sum) = (string.Empty, 0L, 0L, 0L);
        while (rows.Read())
        {
            if (rows.GetString(0) != stream)
            {
                CloseStream(stream, sum);
                (stream, version, epoch, sum) = (rows.GetString(0), 0, 0, 0);
            }

            if (rows.GetInt64(1) != ++version)
            {
                _violations.Add($"{stream} has a hole before version {rows.GetInt64(1)}");
                version = rows.GetInt64(1);
            }

            var kind = rows.GetInt32(2);
            var transaction = rows.IsDBNull(3) ? string.Empty : Convert.ToHexString((byte[])rows.GetValue(3));
            using var payload = ((byte[])rows.GetValue(6)).Length > 0 ? JsonDocument.Parse((byte[])rows.GetValue(6)) : null;
            if (kind >= ShardKindFirst && stream != "meta")
            {
                epoch = ReadShardRow(stream, version, kind, transaction, rows.GetInt64(4), epoch, payload);
            }
            else if (kind == KindEvent)
            {
                Add(_streamsOf, transaction, stream);
                sum = ReadEvent(stream, version, rows.GetString(5), payload!.RootElement, sum);
            }

            InDoubtCount += kind == KindHeld ? 1 : 0;
        }

        CloseStream(stream, sum);
    }

    private long ReadShardRow(string stream, long version, int kind, string transaction, long rowEpoch, long epoch, JsonDocument? payload)
    {
        if (kind == KindShardOwned ? rowEpoch != version : rowEpoch != epoch)
        {
            _violations.Add($"{stream} row {version} was written under epoch {rowEpoch} behind epoch {epoch} (I7)");
        }

        JudgeOwnership(stream, version, kind, transaction, rowEpoch, payload);
        if (kind == KindAbortDecided)
        {
            _aborted.Add(transaction);
        }

        if (kind == KindCommitDecided)
        {
            if (_decided.ContainsKey(transaction))
            {
                _violations.Add($"transaction {transaction} was decided twice");
            }

            _decided[transaction] = [];
            foreach (var one in payload!.RootElement.GetProperty("streams").EnumerateArray().Where(one => one.GetProperty("count").GetInt32() > 0))
            {
                Add(_decided, transaction, one.GetProperty("stream").GetString()!);
            }
        }

        InDoubtCount += kind == KindLastResourceCommitting ? 1 : 0;
        return rowEpoch;
    }

    /// <summary>Who may write which row: claims are never repeated, an owner decides only what it began, and nothing once it has handed over.</summary>
    private void JudgeOwnership(string stream, long version, int kind, string transaction, long rowEpoch, JsonDocument? payload)
    {
        if (kind == KindShardOwned)
        {
            _claims[version] = long.Parse(payload!.RootElement.GetProperty("claim").GetString()!, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            HandOverCount += _shardKindBefore == KindShardReleased ? 1 : 0;
        }
        else if (_shardKindBefore == KindShardReleased)
        {
            _violations.Add($"{stream} row {version} was written by an owner that had handed over");
        }

        if (kind is KindCommitDecided or KindAbortDecided
            && (Field(transaction, EpochDigit) != rowEpoch || Field(transaction, ClaimDigit) != _claims.GetValueOrDefault(rowEpoch, -1)))
        {
            _violations.Add($"{stream} row {version} of epoch {rowEpoch} decides {transaction}, which was not begun under that claim");
        }

        _shardKindBefore = kind;
    }

    private static long Field(string transaction, int from) =>
        transaction.Length >= from + FieldDigits
            ? long.Parse(transaction.AsSpan(from, FieldDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : -1;

    private long ReadEvent(string stream, long version, string type, JsonElement content, long sum)
    {
        var subject = stream[(stream.IndexOf('/', StringComparison.Ordinal) + 1)..];
        switch (type)
        {
            case "shop.update-stock":
                sum += content.GetProperty("change").GetInt64();
                if (content.GetProperty("order").GetString() is { } order)
                {
                    _moved[(order, subject)] = _moved.GetValueOrDefault((order, subject)) - content.GetProperty("change").GetInt32();
                }

                break;
            case "shop.pay-in":
                sum += content.GetProperty("amount").GetInt64();
                _paidIn += content.GetProperty("amount").GetInt64();
                break;
            case "shop.process-payment":
                sum -= content.GetProperty("amount").GetInt64();
                _paid[content.GetProperty("order").GetString()!] = content.GetProperty("amount").GetInt64();
                break;
            case "shop.create-order":
                _settled[subject] = _settled.GetValueOrDefault(subject) + 1;
                _placed[subject] = content.GetProperty("total").GetInt64();
                foreach (var line in content.GetProperty("lines").EnumerateArray())
                {
                    _wanted[(subject, line.GetProperty("item").GetString()!)] = line.GetProperty("quantity").GetInt32();
                }

                break;
            case "shop.refuse-order":
                _settled[subject] = _settled.GetValueOrDefault(subject) + 1;
                break;
            case "shop.order-placed":
                var published = content.GetProperty("order").GetString()!;
                _published[published] = _published.GetValueOrDefault(published) + 1;
                break;
        }

        if (sum < 0)
        {
            _violations.Add($"{stream} fell to {sum} at version {version}");
        }

        return sum;
    }

    private void CloseStream(string stream, long sum) => _left += stream.StartsWith("account/", StringComparison.Ordinal) ? sum : 0;

    private void Judge()
    {
        // One that only read has a decision where it read what was still on its way to the log (decision 0009).
        var written = _decided.Where(one => one.Value.Count > 0).ToDictionary(StringComparer.Ordinal);
        Same("streams of a transaction and of its decision", _streamsOf, written, (left, right) => left.SetEquals(right));
        Same("payments and placed orders", _paid, _placed, (left, right) => left == right);
        Same("stock moved and stock ordered", _moved, _wanted, (left, right) => left == right);
        Same("published and placed orders", _published.ToDictionary(one => one.Key, one => one.Value == 1 ? _placed.GetValueOrDefault(one.Key, -1) : -2, StringComparer.Ordinal), _placed, (left, right) => left == right);
        _violations.AddRange(_settled.Where(one => one.Value > 1).Select(one => $"order {one.Key} was settled {one.Value} times"));
        _violations.AddRange(_decided.Keys.Where(_aborted.Contains).Select(transaction => $"transaction {transaction} was decided both ways"));
        _violations.AddRange(_claims.Values.CountBy(claim => claim).Where(one => one.Value > 1).Select(one => $"claim {one.Key:x10} was made {one.Value} times"));
        if (_paidIn != _left + _placed.Values.Sum())
        {
            _violations.Add($"{_paidIn} paid in, {_left} left, {_placed.Values.Sum()} spent");
        }
    }

    private void Same<TKey, TValue>(string what, Dictionary<TKey, TValue> left, Dictionary<TKey, TValue> right, Func<TValue, TValue, bool> equal)
        where TKey : notnull
    {
        foreach (var key in left.Keys.Union(right.Keys))
        {
            if (!left.TryGetValue(key, out var one) || !right.TryGetValue(key, out var other) || !equal(one, other))
            {
                _violations.Add($"{what} differ for {key}");
            }
        }
    }

    private static void Add(Dictionary<string, HashSet<string>> sets, string key, string value)
    {
        if (!sets.TryGetValue(key, out var set))
        {
            sets[key] = set = new(StringComparer.Ordinal);
        }

        set.Add(value);
    }
}
