namespace Coordinator;

/// <summary>
/// Reads aggregates and plain values outside transactions: no lock is taken or waited for, and nothing is promised across two of them. For a
/// decision that must hold when it is carried out, read inside a transaction.
/// </summary>
/// <remarks>
/// What is read was durable when it was read, and is never less than what an earlier read of the same stream by this process found. On the
/// host that owns the log it is also the last that anybody was told of, unless the view says that it is in doubt. On a host that stands by
/// it is what the store shows at that moment. A host that was displaced and does not know it yet (at most some seconds: a stopped process, a
/// cut network) may give what was the last before that: old, but never undone. Hosts on SQLite read once they own the file.
/// </remarks>
public interface IAggregates
{
    /// <summary>Reads an aggregate's last durable state, from memory if this host has it there.</summary>
    /// <param name="id">The part of the stream name behind the category.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="TransactionRefusedException">The host has not opened the log, or is stopping.</exception>
    /// <exception cref="ArgumentException">That makes no stream name, or the stream is in use as something else.</exception>
    /// <exception cref="LogCorruptException">A row can't be trusted.</exception>
    /// <exception cref="LogBehindSnapshotException">The log has lost rows.</exception>
    /// <exception cref="EventUnreadableException">This process can't read an event of the stream.</exception>
    ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T>;

    /// <summary>Reads a plain value as it was last set.</summary>
    /// <param name="stream">The stream that keeps the value's versions.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class;

    /// <summary>Reads an aggregate as it was after its event of this version, which never changes.</summary>
    /// <param name="id">The part of the stream name behind the category.</param>
    /// <param name="version">The version; 0 is the state before the first event.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such version yet.</exception>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    ValueTask<AggregateView<T>> ReadAsOfAsync<T>(string id, long version, CancellationToken cancellation = default)
        where T : class, IAggregate<T>;

    /// <summary>
    /// Reads an aggregate as of an instant: up to the last event whose <see cref="RecordedEvent.WrittenAt"/> is not later. That is the wall
    /// clock of whoever owned the log then. Where clocks differ or jump, an event may be taken for earlier or later than it was, and
    /// the same instant may give more once an owner has written with a clock that is behind. For a cut that never moves, keep the
    /// version. Reads the whole stream behind the snapshot it can use.
    /// </summary>
    /// <param name="id">The part of the stream name behind the category.</param>
    /// <param name="instant">The instant.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    ValueTask<AggregateView<T>> ReadAsOfAsync<T>(string id, DateTimeOffset instant, CancellationToken cancellation = default)
        where T : class, IAggregate<T>;
}
