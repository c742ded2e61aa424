using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;

namespace Coordinator.Testing.Faults;

/// <summary>
/// A log store whose writes run into faults, for stores without a driver and for simulation. What a fault does to the rows
/// is done to the inner store, so that the answer and the truth differ exactly as they would in a database.
/// </summary>
/// <param name="inner">Holds the rows. Disposed by whoever made it.</param>
/// <param name="next">Chooses the fault of each write that none is armed for; null: none. See <see cref="Seeded"/>.</param>
internal sealed class FaultyLogStore(ILogStore inner, Func<AppendFault>? next = null) : ILogStore, IAppendFaults
{
    private readonly Lock _gate = new();
    private readonly List<Func<Task>> _late = [];
    private TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _givenUp;
    private AppendFault _armed;

    /// <inheritdoc/>
    public string Description => inner.Description + " with faults";

    /// <inheritdoc/>
    public IHostBeats? Beats => inner.Beats;

    /// <inheritdoc/>
    public ISnapshotStore? Snapshots => inner.Snapshots;

    /// <inheritdoc/>
    public ILogRemoval Removal => inner.Removal;

    /// <inheritdoc/>
    public Task Stalled => _stalled.Task;

    /// <summary>Draws faults from a seed: this share of writes, all kinds alike, without those that stall.</summary>
    public static Func<AppendFault> Seeded(int seed, double share)
    {
        var random = new SeededRandom((uint)seed);
        AppendFault[] faults = [.. AppendFaults.All.Where(fault => !fault.Stalls())];
        return () => random.Chance(share) ? random.Of(faults) : AppendFault.None;
    }

    /// <inheritdoc/>
    public void Arm(AppendFault fault)
    {
        _armed = fault;
        if (fault.Stalls())
        {
            _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <inheritdoc/>
    public void Release()
    {
        Func<Task>[] late;
        lock (_gate)
        {
            late = [.. _late];
            _late.Clear();
        }

        foreach (var landing in late)
        {
            // The rows land now if their checks still hold, as a database would decide; nobody is told.
            landing().GetAwaiter().GetResult();
        }
    }

    /// <inheritdoc/>
    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => inner.OpenAsync(proposed, cancellation);

    /// <inheritdoc/>
    public async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        var (kind, error, answer) = await WriteAsync(
            async () => await inner.AppendAsync(group).ConfigureAwait(false), static answer => answer.Kind).ConfigureAwait(false);
        return kind is { } faulty ? new GroupAnswer(faulty, error) : answer;
    }

    /// <inheritdoc/>
    public void AbandonAppend() => _givenUp?.TrySetResult();

    /// <inheritdoc/>
    public async ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        var (kind, error, answer) = await WriteAsync(
            async () => await inner.ClaimAsync(claim).ConfigureAwait(false), static answer => answer.Kind).ConfigureAwait(false);
        return kind is { } faulty ? new ClaimAnswer(faulty, 0, error) : answer;
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) =>
        inner.InspectAsync(keys, cancellation);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
        inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

    /// <inheritdoc/>
    public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => inner.ReadLastAsync(stream, cancellation);

    /// <inheritdoc/>
    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) =>
        inner.ReadShardEndAsync(shard, cancellation);

    /// <inheritdoc/>
    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
        inner.FindDecisionAsync(transaction, cancellation);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The kind to answer instead of the inner store's answer, or null and that answer.</summary>
    private async Task<(GroupAnswerKind? Kind, Exception? Error, T Answer)> WriteAsync<T>(
        Func<Task<T>> write, Func<T, GroupAnswerKind> kindOf)
        where T : struct
    {
        if (_givenUp is not null)
        {
            throw new InvalidOperationException("One write at a time: the one before has not been answered.");
        }

        var fault = _armed is AppendFault.None && next is not null ? next() : _armed;
        _armed = AppendFault.None;
        var error = new DriverFaultException($"Injected: {fault}.");
        switch (fault)
        {
            case AppendFault.None:
                return (null, null, await write().ConfigureAwait(false));

            case AppendFault.CommitLandedThenLost:
                // A write whose checks fail is told so before it comes to COMMIT.
                var landed = await write().ConfigureAwait(false);
                return kindOf(landed) is GroupAnswerKind.Landed ? (GroupAnswerKind.Unclear, error, default) : (null, null, landed);

            case AppendFault.CommitLandsLate:
                Keep(write);
                return (GroupAnswerKind.Unclear, error, default);

            case AppendFault.StallAtStatement or AppendFault.StallAtCommit:
                var givenUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _givenUp = givenUp;
                Keep(write);
                _stalled.TrySetResult();
                await givenUp.Task.ConfigureAwait(false);
                _givenUp = null;
                return (GroupAnswerKind.Unclear, error, default);

            default:
                return (fault.HonestAnswer(), error, default);
        }
    }

    private void Keep<T>(Func<Task<T>> write)
    {
        lock (_gate)
        {
            _late.Add(write);
        }
    }
}
