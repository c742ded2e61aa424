using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>An activation with a state: the fold of the stream's events.</summary>
internal sealed class FoldedActivation(StreamName stream, Type shape, EventTypes events, object? initial, Func<object?, object, object> fold)
    : Activation(stream, shape)
{
    private const int PageSize = 500;

    private object? _state = initial;

    /// <inheritdoc/>
    protected override object? DurableState => _state;

    /// <summary>The state with one more event.</summary>
    /// <exception cref="InvalidOperationException">The user's Apply returned null.</exception>
    public object Fold(object? state, object @event) =>
        fold(state, @event) ?? throw new InvalidOperationException($"Apply of {Shape} returned null for {@event}: it must return the new state.");

    public override async ValueTask LoadAsync(ILogStore store, TransactionId reader, CancellationToken cancellation)
    {
        while (!IsCurrent)
        {
            var (version, state, doubts) = Here();
            var rows = await store.ReadAsync(Stream, version + 1, PageSize, cancellation).ConfigureAwait(false);
            foreach (var row in rows)
            {
                if (row.Transaction.Shard == reader.Shard && row.Transaction.Epoch > reader.Epoch)
                {
                    // What this process remembers of other streams may be older: together they would be no state that ever was.
                    throw new TransactionRefusedException(reader, $"Another process owns this log now: it has written to '{Stream}'. This process must be restarted.");
                }

                state = row.Kind is RowKind.Event ? Fold(state, Read(row)) : state;
            }

            lock (Gate)
            {
                if (Version == version && Doubts == doubts)
                {
                    _state = state;
                    Version = rows.IsEmpty ? version : rows[^1].Version;
                    Position = rows.IsEmpty ? Position : rows[^1].Position;
                    IsCurrent = rows.Length < PageSize;
                }
            }
        }
    }

    private (long Version, object? State, int Doubts) Here()
    {
        lock (Gate)
        {
            return (Version, _state, Doubts);
        }
    }

    protected override void Install(Participation participation) => _state = participation.Working;

    private object Read(LogRow row) =>
        events.TryDeserialize(row.Type, row.TypeVersion, row.Payload.Span)
        ?? throw new UnknownEventTypeException(row.Stream, row.Version, row.Type, row.TypeVersion);
}

/// <summary>A stream that events are published to: no state and no lock; the log numbers the events.</summary>
internal sealed class PublishedStream(StreamName stream) : Activation(stream, typeof(PublishedStream))
{
    public override bool AppendsAtEnd => true;

    public override ValueTask LoadAsync(ILogStore store, TransactionId reader, CancellationToken cancellation) => ValueTask.CompletedTask;

    protected override void Install(Participation participation)
    {
    }
}
