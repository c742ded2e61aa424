using System.Collections.Immutable;
using System.Data.Common;
using System.Runtime.InteropServices;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.AdoNet;

/// <content>Reads: one statement each, so that each sees one snapshot.</content>
internal sealed partial class AdoNetLogStore
{
    private delegate T Decode<out T>(DbDataReader reader);

    /// <inheritdoc/>
    public async ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);

        // A shard row's checksum continues the one before it.
        var seeds = fromVersion > 1 && LogStreams.IsShard(stream) ? 1 : 0;
        var rows = await QueryAsync(
            _dialect.ReadRowsStatement,
            reader => RowDecoder.Read(reader, stream),
            cancellation,
            ("@stream", stream.Value),
            ("@from", fromVersion - seeds),
            ("@count", (long)count + seeds)).ConfigureAwait(false);
        return RowTrust.Page(stream, fromVersion, count, unreadable, rows);
    }

    /// <inheritdoc/>
    public async ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation)
    {
        var rows = await QueryAsync(_dialect.ReadLastRowStatement, stream, cancellation).ConfigureAwait(false);
        return rows.Count == 0 ? null : RowTrust.Trusted(rows[^1], rows.Count > 1 ? rows[^2] : null);
    }

    /// <inheritdoc/>
    public async ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation)
    {
        var stream = LogStreams.Shard(shard);
        while (true)
        {
            var rows = await QueryAsync(_dialect.ReadShardEndStatement, stream, cancellation).ConfigureAwait(false);
            if (rows.Count == 0)
            {
                return new ShardEnd(0, null, null);
            }

            var last = RowTrust.Mark(rows[^1], rows.Count > 1 ? rows[^2] : null);
            var owned = rows.LastOrDefault(row => row.Kind is RowKind.ShardOwned && row.Version == last.Epoch)
                ?? (await QueryAsync(_dialect.FindOwnedStatement, stream, cancellation).ConfigureAwait(false)).FirstOrDefault();
            if (owned is null || owned.Version <= last.Version)
            {
                return new ShardEnd(last.Version, owned is null ? null : RowTrust.Mark(owned, null), last);
            }

            // The damaged shard was claimed between the two statements: once more.
        }
    }

    /// <inheritdoc/>
    public async ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation)
    {
        var stream = LogStreams.Shard(transaction.Shard);
        var rows = await QueryAsync(
            _dialect.FindDecisionStatement,
            reader => RowDecoder.Read(reader, stream),
            cancellation,
            ("@stream", stream.Value),
            ("@transaction_id", transaction.ToByteArray())).ConfigureAwait(false);
        return rows.Count == 0 ? null : RowTrust.FaultOf(rows[^1], rows.Count > 1 ? rows[^2] : null) is { } fault
            ? throw new LogCorruptException(stream, rows[^1].Version, fault)
            : rows[^1];
    }

    /// <inheritdoc/>
    public async ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
    {
        if (keys.IsEmpty)
        {
            return [];
        }

        var findings = new KeyFinding[keys.Length];
        var found = await QueryAsync(
            _dialect.InspectStatement,
            reader => DecodeFinding(reader, keys, findings),
            cancellation,
            ("@keys", _dialect.KeysParameter(keys))).ConfigureAwait(false);
        Invariant.Holds(found.Count == keys.Length, "a store answers each key that it is asked about once");
        return ImmutableCollectionsMarshal.AsImmutableArray(findings);
    }

    private static bool DecodeFinding(DbDataReader reader, ImmutableArray<RowKey> keys, KeyFinding[] findings)
    {
        string? fault = null;
        var index = (int)RowDecoder.Number(reader, 0, "index", 0, keys.Length - 1, ref fault);
        var key = keys[index];
        if (reader.IsDBNull(4))
        {
            findings[index] = new KeyFinding(key, false, default, default, default, default);
            return true;
        }

        var exists = !reader.IsDBNull(3);
        var append = exists
            ? new AppendId(
                (ulong)RowDecoder.Number(reader, 1, "append_writer", long.MinValue, long.MaxValue, ref fault),
                (ulong)RowDecoder.Number(reader, 2, "append_number", long.MinValue, long.MaxValue, ref fault))
            : default;
        var kind = exists ? (RowKind)RowDecoder.Number(reader, 3, "kind", 0, byte.MaxValue, ref fault) : default;
        var lastVersion = RowDecoder.Number(reader, 4, "version", 1, long.MaxValue, ref fault);
        var lastKind = (RowKind)RowDecoder.Number(reader, 5, "kind", 0, byte.MaxValue, ref fault);
        var heldBy = RowDecoder.ReadTransaction(reader, 6, ref fault);
        var epoch = reader.IsDBNull(7) ? 0 : RowDecoder.Number(reader, 7, "epoch", 1, long.MaxValue, ref fault);
        var position = new LogPosition(
            (ushort)RowDecoder.Number(reader, 8, "shard", 0, ushort.MaxValue, ref fault),
            (ulong)RowDecoder.Number(reader, 9, "position", 0, long.MaxValue, ref fault));
        if (fault is not null)
        {
            throw new LogCorruptException(key.Stream, lastVersion, fault);
        }

        findings[index] = new KeyFinding(
            key, exists, append, kind, new StreamEnd(lastVersion, lastKind is RowKind.Held ? heldBy : default, epoch), position);
        return true;
    }

    private Task<List<LogRow>> QueryAsync(string statement, StreamName stream, CancellationToken cancellation) =>
        QueryAsync(statement, reader => RowDecoder.Read(reader, stream), cancellation, ("@stream", stream.Value));

    private async Task<List<T>> QueryAsync<T>(
        string statement, Decode<T> decode, CancellationToken cancellation, params (string Name, object Value)[] parameters)
    {
        cancellation.ThrowIfCancellationRequested();
        var found = new List<T>();
        var connection = await _readers.RentAsync(cancellation).ConfigureAwait(false);
        var healthy = false;
        try
        {
            var reader = await connection.Command(statement, parameters).ExecuteReaderAsync(cancellation).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
                {
                    found.Add(decode(reader));
                }
            }

            healthy = true;
            return found;
        }
        finally
        {
            if (healthy)
            {
                _readers.Return(connection);
            }
            else
            {
                _readers.GiveUp(connection);
            }
        }
    }
}
