using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// A stream holds an event that this process can't read: it does not know the event's type, the stored JSON does not fit the type, or the stream
/// is read as a plain value of another type. The row itself is what was written. What needs the event (loading the aggregate, reading the stream)
/// is refused here until the type is back.
/// </summary>
public sealed class EventUnreadableException : Exception
{
    private EventUnreadableException(StreamName stream, long version, string message, Exception? inner)
        : base(message, inner)
    {
        Stream = stream;
        Version = version;
    }

    /// <summary>The stream.</summary>
    public StreamName Stream { get; }

    /// <summary>The event's place in the stream.</summary>
    public long Version { get; }

    internal static EventUnreadableException UnknownType(StreamName stream, long version, string type, int typeVersion) => new(
        stream,
        version,
        $"Event {version} of stream '{stream}' is '{type}' version {typeVersion}, which is not among the event types of this process. Add its type to the coordinator's event types; never remove one that was stored.",
        null);

    internal static EventUnreadableException OtherType(StreamName stream, long version, string type, int typeVersion, Type found, Type wanted) => new(
        stream,
        version,
        $"Event {version} of stream '{stream}', '{type}' version {typeVersion}, is a {found} and no {wanted}: the stream is in use as something else. Give each use a stream of its own.",
        null);

    internal static EventUnreadableException Unfit(StreamName stream, long version, string type, int typeVersion, string clrType, Exception? inner) => new(
        stream,
        version,
        $"Event {version} of stream '{stream}', '{type}' version {typeVersion}, does not fit {clrType}: {inner?.Message ?? "the stored JSON is null."} A stored event never changes: give the changed type a new version, and keep the old one.",
        inner);
}
