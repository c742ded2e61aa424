using Coordinator.Aggregates;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Participants;

/// <content>Reads outside transactions.</content>
internal sealed partial class ParticipantHost
{
    /// <summary>The last state of a stream that is known durable.</summary>
    /// <exception cref="ArgumentException">The stream is in use as something else.</exception>
    public ValueTask<FoundState> ReadAsync(
        StreamName stream, StateKind kind, long epoch, Func<LogRow, bool> isKnownDurable, CancellationToken cancellation)
    {
        var activation = Find(stream, kind.Shape.Type, kind.Create);
        return activation is FoldedActivation folded && activation.Shape == kind.Shape.Type
            ? folded.ReadAsync(store, epoch, isKnownDurable, cancellation)
            : throw new ArgumentException($"Stream '{stream}' is in use as {activation.Shape.Name}, not as {kind.Shape.Type.Name}: give each use a stream of its own.", nameof(stream));
    }

    /// <summary>Makes later reads find no less than this one did; false to try again.</summary>
    public bool TryRemember(StreamName stream, StateKind kind, StateAt at) =>
        GetOrAdd(stream, kind.Create) is not FoldedActivation folded || folded.Shape != kind.Shape.Type || folded.TryRemember(at);
}
