namespace Coordinator;

/// <summary>
/// A plain value that belongs to a grain and that transactions read and change. It is used inside calls that are part of a transaction; who
/// reads outside of one reads its <see cref="Stream"/> with <see cref="IAggregates.ReadStateAsync"/>.
/// </summary>
/// <remarks>
/// Each value is stored as JSON under the name of its type's <see cref="EventTypeAttribute"/>; the type is added with AddEventsFrom or
/// ConfigureEvents. Updates work on a deep copy, so it must be one that Orleans can copy ([GenerateSerializer]).
/// </remarks>
/// <typeparam name="T">The value. Until one was set it is what its constructor makes.</typeparam>
public interface ITransactionalState<T>
    where T : class, new()
{
    /// <summary>The stream that keeps the value's versions: <c>{grain type}.{state name}/{grain key}</c>.</summary>
    string Stream { get; }

    /// <summary>Reads the value under a shared lock.</summary>
    /// <param name="read">What is wanted of it. It must not change it, nor return parts of it that others then change.</param>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <exception cref="TransactionRequiredException">The call is not part of a transaction.</exception>
    /// <inheritdoc cref="ITransaction.ReadAsync" path="/exception"/>
    Task<TResult> ReadAsync<TResult>(Func<T, TResult> read, CancellationToken cancellation = default);

    /// <summary>Changes the value under an exclusive lock, if the transaction commits.</summary>
    /// <param name="update">
    /// Changes the copy that it is given, which is recorded once it has returned. If it throws, nothing is recorded. It can't be asynchronous: what it did
    /// after an await would come too late.
    /// </param>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <exception cref="ArgumentException">The value can't be stored as an event, or the function returns a task; its message says why.</exception>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    Task<TResult> UpdateAsync<TResult>(Func<T, TResult> update, CancellationToken cancellation = default);

    /// <inheritdoc cref="UpdateAsync{TResult}"/>
    Task UpdateAsync(Action<T> update, CancellationToken cancellation = default);
}
