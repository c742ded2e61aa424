using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>Who has committed under an idempotency key, and for which request.</summary>
internal sealed record KeyBinding(TransactionId Transaction, ReadOnlyMemory<byte> RequestHash)
{
    private const string EventType = "coordinator.key";
    private const int EventVersion = 1;

    /// <summary>What the key's stream keeps; the row itself says whose it is.</summary>
    public EventData ToEvent() => new(EventType, EventVersion, RequestHash);

    /// <summary>Null if the row binds nothing.</summary>
    /// <exception cref="LogCorruptException">It is no row of a key.</exception>
    public static KeyBinding? Of(LogRow row) => row switch
    {
        { Kind: RowKind.Released } => null,
        { Kind: RowKind.Event, Type: EventType, TypeVersion: EventVersion } => new KeyBinding(row.Transaction, row.Payload),
        _ => throw new LogCorruptException(row.Stream, row.Version, "it is no row of an idempotency key"),
    };

    public bool IsFor(IdempotencyKey key) => RequestHash.Span.SequenceEqual(key.RequestHash);
}

/// <summary>The stream of an idempotency key: its last row says who committed under it.</summary>
internal sealed class KeyStream(StreamName stream) : Activation(stream, typeof(KeyStream))
{
    private KeyBinding? _binding;

    /// <inheritdoc/>
    protected override bool IsAlwaysLocked => true;

    /// <inheritdoc/>
    protected override object? DurableState => _binding;

    public override async ValueTask LoadAsync(ILogStore store, TransactionId? reader, CancellationToken cancellation)
    {
        while (!IsCurrent)
        {
            long version;
            int doubts;
            lock (Gate)
            {
                (version, doubts) = (Version, Doubts);
            }

            var rows = await store.ReadAsync(Stream, version + 1, int.MaxValue - 1, cancellation).ConfigureAwait(false);
            var last = rows.IsEmpty ? null : KeyBinding.Of(rows[^1]);
            lock (Gate)
            {
                if (Version == version && Doubts == doubts)
                {
                    _binding = rows.IsEmpty ? _binding : last;
                    Version = rows.IsEmpty ? version : rows[^1].Version;
                    Position = rows.IsEmpty ? Position : rows[^1].Position;
                    IsCurrent = true;
                }
            }
        }
    }

    protected override void Install(Participation participation) => _binding = (KeyBinding?)participation.Working;
}
