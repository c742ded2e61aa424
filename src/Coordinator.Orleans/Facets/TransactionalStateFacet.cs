using Coordinator.Orleans.Ambient;
using Coordinator.Protocol;
using Orleans.Serialization;

namespace Coordinator.Orleans.Facets;

/// <summary>A grain's plain state: the log-native participant of its stream.</summary>
internal sealed class TransactionalStateFacet<T>(StreamName stream, DeepCopier<T> copier) : ITransactionalState<T>
    where T : class, new()
{
    /// <inheritdoc/>
    public string Stream { get; } = stream.Value;

    /// <inheritdoc/>
    public async Task<TResult> ReadAsync<TResult>(Func<T, TResult> read, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(read);
        var view = await CallScope.Required(Stream).CallAsync(
            Stream,
            static (work, stream, cancellation) => work.ReadStateAsync<T>(stream, cancellation),
            cancellation).ConfigureAwait(true); // the user's function runs where the grain does
        return read(view.Value ?? new T());
    }

    /// <inheritdoc/>
    public async Task<TResult> UpdateAsync<TResult>(Func<T, TResult> update, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        EnsureEnds<TResult>(nameof(update));
        var state = await OpenAsync(cancellation).ConfigureAwait(true); // as above
        var copy = CopyOf(state);
        var result = update(copy);
        Set(state, copy);
        return result;
    }

    /// <inheritdoc/>
    public async Task UpdateAsync(Action<T> update, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        var state = await OpenAsync(cancellation).ConfigureAwait(true); // as above
        var copy = CopyOf(state);
        update(copy);
        Set(state, copy);
    }

    private ValueTask<TransactionalState<T>> OpenAsync(CancellationToken cancellation) => CallScope.Required(Stream).CallAsync(
        Stream,
        static (work, stream, cancellation) => work.UpdateStateAsync<T>(stream, cancellation),
        cancellation);

    /// <summary>Other transactions may still read the value that there is.</summary>
    private T CopyOf(TransactionalState<T> state) => state.Value is { } value ? copier.Copy(value)! : new T();

    /// <summary>The function may have kept the one that it was given: what it changes there later must not be in the state, for it is not in the log.</summary>
    private void Set(TransactionalState<T> state, T changed) => state.Set(copier.Copy(changed)!);

    /// <summary>An asynchronous lambda is taken for a function that returns a task, without a word of the compiler.</summary>
    private void EnsureEnds<TResult>(string parameter)
    {
        var result = typeof(TResult);
        if (typeof(Task).IsAssignableFrom(result) || result == typeof(ValueTask) || (result.IsGenericType && result.GetGenericTypeDefinition() == typeof(ValueTask<>)))
        {
            throw new ArgumentException(
                $"The update of '{Stream}' returns a {result.Name.Split('`')[0]}: what it did after its first await would not be recorded. Await before {nameof(UpdateAsync)}, and change the value in a function that does not.",
                parameter);
        }
    }
}
