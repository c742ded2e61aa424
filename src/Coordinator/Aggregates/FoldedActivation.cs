using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>An activation with a state: the fold of the stream's events, or its last one.</summary>
internal sealed partial class FoldedActivation(StreamName stream, StateShape shape) : Activation(stream, shape.Type)
{
    private object? _state = shape.Initial.State;
    private long _snapshotVersion;
    private bool _isOffered;

    /// <summary>How its snapshots are made. Has meaning where they are.</summary>
    public SnapshotType SnapshotType => shape.Snapshots!;

    /// <inheritdoc/>
    protected override object? DurableState => _state;

    /// <inheritdoc cref="StateShape.Fold"/>
    public object Fold(object? state, object @event) => shape.Fold(state, @event);

    public override async ValueTask LoadAsync(ILogStore store, TransactionId? reader, CancellationToken cancellation)
    {
        var reading = new StateReader(Stream, shape, store, IsNotOfALaterOwner);
        while (!IsCurrent)
        {
            var (from, doubts) = Here();
            var at = await reading.NextAsync(from, cancellation).ConfigureAwait(false);
            lock (Gate)
            {
                if (Version == from.Version && Doubts == doubts)
                {
                    Install(at, reading);
                }
            }
        }

        bool IsNotOfALaterOwner(LogRow row)
        {
            // What this process remembers of other streams may be older: together they would be no state that ever was.
            return reader is not { } alone || row.Transaction.Shard != alone.Shard || row.Transaction.Epoch <= alone.Epoch
                ? true
                : throw new TransactionRefusedException(alone, $"Another process owns this log now: it has written to '{Stream}'. This process must be restarted.");
        }
    }

    /// <summary>The state that a snapshot is to be taken of: known durable, be it the last one or not.</summary>
    public StateAt TakeForSnapshot() => Here().At;

    /// <summary>A snapshot was taken at this version, or given up.</summary>
    public void SnapshotTaken(long version)
    {
        lock (Gate)
        {
            _snapshotVersion = Math.Max(_snapshotVersion, version);
            _isOffered = false;
        }
    }

    protected override void Install(Participation participation)
    {
        _state = participation.Working;
        OfferIfDue(participation.EndVersion);
    }

    private void Install(StateAt at, StateReader reading)
    {
        (Version, Position, _state) = at;
        _snapshotVersion = Math.Max(_snapshotVersion, reading.SnapshotVersion);
        IsCurrent = reading.IsAtEnd;
        if (IsCurrent)
        {
            OfferIfDue(Version);
        }
    }

    private void OfferIfDue(long version)
    {
        if (!_isOffered && shape.Snapshots is { } type && version - _snapshotVersion >= type.Every)
        {
            _isOffered = shape.Keeper.TryOffer(this);
        }
    }

    private (StateAt At, int Doubts) Here()
    {
        lock (Gate)
        {
            return (new StateAt(Version, Position, _state), Doubts);
        }
    }
}

/// <summary>A stream that events are published to: no state and no lock; the log numbers the events.</summary>
internal sealed class PublishedStream(StreamName stream) : Activation(stream, typeof(PublishedStream))
{
    public override bool AppendsAtEnd => true;

    public override ValueTask LoadAsync(ILogStore store, TransactionId? reader, CancellationToken cancellation) => ValueTask.CompletedTask;

    protected override void Install(Participation participation)
    {
    }
}
