using System.Data.Common;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// The parameters of the insert: a column each. Arrays are kept and filled anew as long as groups have the same number of rows, and the
/// ids of transactions of all rows lie in one buffer.
/// </summary>
internal sealed class RowArrays
{
    private readonly Column<string> _stream = new(NpgsqlDbType.Text);
    private readonly Column<long> _version = new(NpgsqlDbType.Bigint);
    private readonly Column<short> _kind = new(NpgsqlDbType.Smallint);
    private readonly Column<long> _writer = new(NpgsqlDbType.Bigint);
    private readonly Column<long> _number = new(NpgsqlDbType.Bigint);
    private readonly Column<ReadOnlyMemory<byte>> _transaction = new(NpgsqlDbType.Bytea);
    private readonly Column<long> _epoch = new(NpgsqlDbType.Bigint);
    private readonly Column<long> _checkpoint = new(NpgsqlDbType.Bigint);
    private readonly Column<int> _shard = new(NpgsqlDbType.Integer);
    private readonly Column<long> _position = new(NpgsqlDbType.Bigint);
    private readonly Column<int> _previousShard = new(NpgsqlDbType.Integer);
    private readonly Column<long> _previousPosition = new(NpgsqlDbType.Bigint);
    private readonly Column<string> _type = new(NpgsqlDbType.Text);
    private readonly Column<int> _typeVersion = new(NpgsqlDbType.Integer);
    private readonly Column<long> _writtenAt = new(NpgsqlDbType.Bigint);
    private readonly Column<long> _checksum = new(NpgsqlDbType.Bigint);
    private readonly Column<ReadOnlyMemory<byte>> _payload = new(NpgsqlDbType.Bytea);

    private byte[] _transactions = [];

    /// <summary>Adds the parameters in the order of the statement.</summary>
    public void AddTo(DbParameterCollection parameters) => parameters.AddRange(new DbParameter[]
    {
        _stream.Parameter, _version.Parameter, _kind.Parameter, _writer.Parameter, _number.Parameter, _transaction.Parameter,
        _epoch.Parameter, _checkpoint.Parameter, _shard.Parameter, _position.Parameter, _previousShard.Parameter,
        _previousPosition.Parameter, _type.Parameter, _typeVersion.Parameter, _writtenAt.Parameter, _checksum.Parameter, _payload.Parameter,
    });

    /// <summary>Takes a group's rows, and one placeholder behind the end of each stream that is only read.</summary>
    public void Fill(RowGroup group, ReadOnlySpan<RowKey> placeholders, AppendId owner)
    {
        Resize(group.Rows.Length + placeholders.Length);
        var at = 0;
        foreach (var row in group.Rows)
        {
            // In the order of the keys, whatever they are: two writers that lock the same keys then wait for each other in a row, not in a ring.
            while (!placeholders.IsEmpty && placeholders[0].Stream.CompareTo(row.Stream) < 0)
            {
                Put(at++, placeholders[0], owner);
                placeholders = placeholders[1..];
            }

            Put(at++, row);
        }

        foreach (var placeholder in placeholders)
        {
            Put(at++, placeholder, owner);
        }
    }

    private void Put(int at, LogRow row)
    {
        _stream.Values[at] = row.Stream.Value;
        _version.Values[at] = row.Version;
        _kind.Values[at] = (short)row.Kind;
        _writer.Values[at] = (long)row.AppendId.Writer;
        _number.Values[at] = (long)row.AppendId.Number;
        _transaction.Values[at] = Bytes(at, row.Transaction);
        _epoch.Values[at] = row.Epoch;
        _checkpoint.Values[at] = row.Checkpoint;
        _shard.Values[at] = row.Position.Shard;
        _position.Values[at] = (long)row.Position.Position;
        _previousShard.Values[at] = row.Previous.Shard;
        _previousPosition.Values[at] = (long)row.Previous.Position;
        _type.Values[at] = row.Type;
        _typeVersion.Values[at] = row.TypeVersion;
        _writtenAt.Values[at] = row.WrittenAt;
        _checksum.Values[at] = row.Checksum;
        _payload.Values[at] = row.Payload;
    }

    private void Put(int at, RowKey key, AppendId owner)
    {
        _stream.Values[at] = key.Stream.Value;
        _version.Values[at] = key.Version;
        _kind.Values[at] = PostgreSqlStatements.PlaceholderKind;
        _writer.Values[at] = (long)owner.Writer;
        _number.Values[at] = (long)owner.Number;
        _transaction.Values[at] = default;
        _epoch.Values[at] = _checkpoint.Values[at] = _position.Values[at] = _previousPosition.Values[at] = 0;
        _shard.Values[at] = _previousShard.Values[at] = _typeVersion.Values[at] = 0;
        _type.Values[at] = string.Empty;
        _writtenAt.Values[at] = _checksum.Values[at] = 0;
        _payload.Values[at] = default;
    }

    private ReadOnlyMemory<byte> Bytes(int at, TransactionId transaction)
    {
        if (transaction.IsEmpty)
        {
            return default;
        }

        var place = _transactions.AsMemory(at * TransactionId.ByteLength, TransactionId.ByteLength);
        transaction.WriteTo(place.Span);
        return place;
    }

    private void Resize(int count)
    {
        if (_version.Values.Length == count)
        {
            return;
        }

        _transactions = new byte[count * TransactionId.ByteLength];
        _stream.Resize(count);
        _version.Resize(count);
        _kind.Resize(count);
        _writer.Resize(count);
        _number.Resize(count);
        _transaction.Resize(count);
        _epoch.Resize(count);
        _checkpoint.Resize(count);
        _shard.Resize(count);
        _position.Resize(count);
        _previousShard.Resize(count);
        _previousPosition.Resize(count);
        _type.Resize(count);
        _typeVersion.Resize(count);
        _writtenAt.Resize(count);
        _checksum.Resize(count);
        _payload.Resize(count);
    }
}

/// <summary>The parameters of the checks.</summary>
internal sealed class CheckArrays
{
    private readonly Column<string> _stream = new(NpgsqlDbType.Text);
    private readonly Column<long> _version = new(NpgsqlDbType.Bigint);
    private readonly Column<long> _epoch = new(NpgsqlDbType.Bigint);
    private readonly Column<ReadOnlyMemory<byte>> _holder = new(NpgsqlDbType.Bytea);
    private readonly Column<bool> _mustBeHeld = new(NpgsqlDbType.Boolean);

    private byte[] _holders = [];

    /// <summary>Adds the parameters in the order of the statement.</summary>
    public void AddTo(DbParameterCollection parameters) => parameters.AddRange(new DbParameter[]
    {
        _stream.Parameter, _version.Parameter, _epoch.Parameter, _holder.Parameter, _mustBeHeld.Parameter,
    });

    /// <summary>Takes a group's checks.</summary>
    public void Fill(ReadOnlySpan<StreamCheck> checks)
    {
        if (_version.Values.Length != checks.Length)
        {
            _holders = new byte[checks.Length * TransactionId.ByteLength];
            _stream.Resize(checks.Length);
            _version.Resize(checks.Length);
            _epoch.Resize(checks.Length);
            _holder.Resize(checks.Length);
            _mustBeHeld.Resize(checks.Length);
        }

        for (var i = 0; i < checks.Length; i++)
        {
            var check = checks[i];
            _stream.Values[i] = check.Stream.Value;
            _version.Values[i] = check.Version;
            _epoch.Values[i] = check.Epoch;
            _mustBeHeld.Values[i] = check.MustBeHeld;
            _holder.Values[i] = default;
            if (!check.Holder.IsEmpty)
            {
                var place = _holders.AsMemory(i * TransactionId.ByteLength, TransactionId.ByteLength);
                check.Holder.WriteTo(place.Span);
                _holder.Values[i] = place;
            }
        }
    }
}

/// <summary>A parameter that is an array.</summary>
internal sealed class Column<T>(NpgsqlDbType type)
{
    /// <summary>The parameter; it holds <see cref="Values"/>.</summary>
    public NpgsqlParameter<T[]> Parameter { get; } = new() { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = [] };

    /// <summary>What is sent.</summary>
    public T[] Values { get; private set; } = [];

    /// <summary>A new array of exactly this length: a longer one would send what it ends with.</summary>
    public void Resize(int count) => Parameter.TypedValue = Values = new T[count];
}
