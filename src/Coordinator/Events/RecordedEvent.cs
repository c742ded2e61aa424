using Coordinator.Protocol;

namespace Coordinator;

/// <summary>An event as it stands in the log.</summary>
/// <param name="Stream">Its stream.</param>
/// <param name="Version">Its place in the stream, from 1.</param>
/// <param name="Type">The declared name of its type.</param>
/// <param name="TypeVersion">The declared version of its type.</param>
/// <param name="Transaction">The transaction that appended it.</param>
/// <param name="WrittenAt">The writer's clock when it was appended. For people: nothing is decided by it.</param>
/// <param name="Payload">The event as JSON.</param>
/// <param name="Event">The event, or null where this process does not know its type.</param>
public sealed record RecordedEvent(
    StreamName Stream,
    long Version,
    string Type,
    int TypeVersion,
    TransactionId Transaction,
    DateTimeOffset WrittenAt,
    ReadOnlyMemory<byte> Payload,
    object? Event);

/// <summary>Reads what has been committed. Nothing here takes part in a transaction.</summary>
public interface IEventLog
{
    /// <summary>
    /// Reads a stream in order: an aggregate's history, what was published to a stream. It ends at the last event that was
    /// committed when the reader got there.
    /// </summary>
    /// <param name="stream">The stream, for an aggregate <c>category/id</c>.</param>
    /// <param name="fromVersion">The first version wanted, from 1.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="ArgumentException">That is no stream name, or no version.</exception>
    /// <exception cref="TransactionRefusedException">The host has not opened the log, or is stopping.</exception>
    /// <exception cref="LogCorruptException">A row can't be trusted; what came before it was given.</exception>
    /// <exception cref="EventUnreadableException">
    /// A stored event does not fit its type; what came before it was given. (One whose type is not known here is given, without its <see cref="RecordedEvent.Event"/>.)
    /// </exception>
    IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromVersion = 1, CancellationToken cancellation = default);
}
