using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Faults;

namespace Coordinator.Testing.Logs;

/// <summary>The in-memory store for the suite: a restart opens the same rows again.</summary>
internal sealed class InMemoryLogFixture(TimeProvider time) : ILogStoreFixture
{
    private readonly InMemoryLogStore _rows = new(time);
    private FaultyLogStore? _store;

    /// <inheritdoc/>
    public IAppendFaults Faults => _store ?? throw new InvalidOperationException("No store was made yet.");

    /// <inheritdoc/>
    public bool AnswersAbandonedAtOnce => true;

    /// <inheritdoc/>
    public bool HasBeats => true;

    /// <inheritdoc/>
    public ILogStore Create() => _store = new FaultyLogStore(_rows);

    /// <inheritdoc/>
    public Task DamageAsync(RowKey key, RowDamage damage)
    {
        _rows.Damage(key, row => RowDamages.Apply(row, damage));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task DamageSnapshotAsync(StreamName stream)
    {
        _rows.Damage(stream, static snapshot => SnapshotDamage.WithPayload(snapshot!, "damaged"u8.ToArray()));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _rows.DisposeAsync();
}

/// <summary>What damage makes of a snapshot.</summary>
internal static class SnapshotDamage
{
    /// <summary>Other content under the same checksum.</summary>
    public static Snapshot WithPayload(Snapshot snapshot, ReadOnlyMemory<byte> payload) => new()
    {
        Stream = snapshot.Stream,
        Version = snapshot.Version,
        AppendId = snapshot.AppendId,
        Generation = snapshot.Generation,
        Position = snapshot.Position,
        Type = snapshot.Type,
        TypeVersion = snapshot.TypeVersion,
        WrittenAt = snapshot.WrittenAt,
        Payload = payload,
        Checksum = snapshot.Checksum,
    };
}

/// <summary>What each damage makes of a row.</summary>
internal static class RowDamages
{
    /// <summary>The damaged row.</summary>
    public static LogRow Apply(LogRow row, RowDamage damage)
    {
        if (damage is RowDamage.NewerFormat)
        {
            var newer = MetaRow.Create(TestLog.Meta with { FormatVersion = LogMeta.CurrentFormatVersion + 1 }, string.Empty, version: 1, DateTimeOffset.UnixEpoch);
            return newer;
        }

        var payload = row.Payload.ToArray();
        if (damage is RowDamage.PayloadBit)
        {
            payload[payload.Length / 2] ^= 1;
        }

        return new LogRow
        {
            Stream = row.Stream,
            Version = row.Version,
            Kind = damage is RowDamage.UnknownKind ? (RowKind)99 : row.Kind,
            AppendId = row.AppendId,
            Transaction = damage is RowDamage.Transaction
                ? new TransactionId(TestLog.Meta.Identity, 0, 1, 1, row.Transaction.Sequence + 1000)
                : row.Transaction,
            Epoch = row.Epoch,
            Checkpoint = row.Checkpoint,
            Position = row.Position,
            Previous = row.Previous,
            Type = damage is RowDamage.NulInType ? row.Type + "\0" : row.Type,
            TypeVersion = row.TypeVersion,
            WrittenAt = row.WrittenAt,
            Payload = payload,
            Checksum = damage is RowDamage.Checksum ? row.Checksum ^ 0x100 : row.Checksum,
        };
    }
}
