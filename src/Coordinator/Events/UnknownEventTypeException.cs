using Coordinator.Protocol;

namespace Coordinator;

/// <summary>The history of an aggregate holds an event whose type this process does not know; the aggregate can't be used here.</summary>
public sealed class UnknownEventTypeException : Exception
{
    /// <summary>Creates it for one event.</summary>
    public UnknownEventTypeException(StreamName stream, long version, string type, int typeVersion)
        : base($"Event {version} of stream '{stream}' is '{type}' version {typeVersion}, which is not among the event types of this process. Add its type to the coordinator's event types; never remove one that was stored.")
    {
    }
}
