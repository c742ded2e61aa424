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
        var state = await OpenAsync(cancellation).ConfigureAwait(true); // as above
        var copy = CopyOf(state);
        var result = update(copy);
        state.Set(copy);
        return result;
    }

    /// <inheritdoc/>
    public async Task UpdateAsync(Action<T> update, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        var state = await OpenAsync(cancellation).ConfigureAwait(true); // as above
        var copy = CopyOf(state);
        update(copy);
        state.Set(copy);
    }

    private ValueTask<TransactionalState<T>> OpenAsync(CancellationToken cancellation) => CallScope.Required(Stream).CallAsync(
        Stream,
        static (work, stream, cancellation) => work.UpdateStateAsync<T>(stream, cancellation),
        cancellation);

    /// <summary>Other transactions may still read the value that there is.</summary>
    private T CopyOf(TransactionalState<T> state) => state.Value is { } value ? copier.Copy(value)! : new T();
}
