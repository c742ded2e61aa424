using System.Collections.Concurrent;
using System.Reflection;
using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Placement;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>The engine is there before the first grain of its silo, and goes after the last.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public async Task No_grain_is_called_on_a_silo_before_its_engine_is_open()
    {
        var log = new InMemoryLogStore(TimeProvider.System);
        var stores = new ConcurrentQueue<GatedLog>();
        await using var cluster = await TestCluster.StartAsync(1, (silo, coordinator) => coordinator.UseLogStore(_ =>
        {
            var store = GatedLog.Over(log);
            stores.Enqueue((GatedLog)(object)store);
            if (stores.Count == 1)
            {
                ((GatedLog)(object)store).Opened.SetResult();
            }

            return store;
        }));

        var joining = cluster.Orleans.StartAdditionalSiloAsync();
        await Waiting.UntilAsync(() => stores.Count == 2, "second silo that opens the log");
        await stores.Last().Asked.Task.OrFailAsync("opening of the log");
        var first = cluster.Of<ILocalSiloDetails>().SiloAddress;
        Assert.Equal([first], (await cluster.Grains.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true)).Keys);
        for (var key = 0; key < 50; key++)
        {
            Assert.Equal(first.ToParsableString(), await cluster.Grains.GetGrain<IAccount>($"early{key}").Place());
        }

        Assert.False(joining.IsCompleted);
        stores.Last().Opened.SetResult();
        var second = (await joining.OrFailAsync("second silo")).SiloAddress;
        await Waiting.UntilAsync(
            async () => await cluster.Grains.GetGrain<IAccount>(Guid.CreateVersion7().ToString()).Place() == second.ToParsableString(), "grain on the second silo");
    }

    [Fact]
    public async Task Shards_are_released_when_the_last_grain_has_been_deactivated()
    {
        var log = new InMemoryLogStore(TimeProvider.System);
        var diary = new Diary();
        var cluster = await TestCluster.StartAsync(1, (silo, coordinator) =>
        {
            silo.Services.AddSingleton(diary);
            coordinator.UseLogStore(_ => log);
        });
        await using var _ = cluster;
        for (var key = 0; key < 20; key++)
        {
            await cluster.Grains.GetGrain<ILastWords>(key).Wake();
        }

        await cluster.Orleans.StopSiloAsync(cluster.Orleans.Silos[0]);

        Assert.Equal(Enumerable.Repeat("committed", 20), diary.Lines); // in its last moments each grain could still do a transaction of its own
        for (ushort shard = 0; shard < 16; shard++)
        {
            var end = await log.ReadShardEndAsync(shard, CancellationToken.None);
            Assert.True(end.Owned is null || end.IsReleased, $"shard {shard} ends with {end.Last?.Kind}");
        }
    }
}

/// <summary>What grains have told.</summary>
public sealed class Diary
{
    public ConcurrentQueue<string> Lines { get; } = new();
}

[Alias("test.last-words")]
public interface ILastWords : IGrainWithIntegerKey
{
    [Alias("Wake")]
    Task Wake();
}

/// <summary>Does a transaction as it is deactivated.</summary>
[Reentrant]
[PreferLocalPlacement]
public sealed class LastWords([TransactionalState("balance")] ITransactionalState<Balance> balance, ITransactions transactions, Diary diary) : Grain, ILastWords
{
    public Task Wake() => Task.CompletedTask;

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await transactions.RunAsync(_ => balance.UpdateAsync(static value => { value.Value++; }), cancellationToken);
            diary.Lines.Enqueue(outcome.IsCommitted ? "committed" : outcome.ToString());
        }
        catch (TransactionException error)
        {
            diary.Lines.Enqueue(error.Message);
        }
    }
}

/// <summary>A log store that is opened only when the test says so.</summary>
public class GatedLog : DispatchProxy
{
    private ILogStore _store = null!;

    /// <summary>It is to be opened.</summary>
    public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>It may be.</summary>
    public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal static ILogStore Over(ILogStore store)
    {
        var gated = Create<ILogStore, GatedLog>();
        ((GatedLog)(object)gated)._store = store;
        return gated;
    }

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name is nameof(ILogStore.OpenAsync)
        ? new ValueTask<OpenedLog>(OpenAsync((LogMeta)args![0]!, (CancellationToken)args[1]!))
        : targetMethod.Name is nameof(IAsyncDisposable.DisposeAsync) ? ValueTask.CompletedTask // the other silo uses it
        : targetMethod.Invoke(_store, args);

    private async Task<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation)
    {
        Asked.TrySetResult();
        await Opened.Task.WaitAsync(cancellation);
        return await _store.OpenAsync(proposed, cancellation);
    }
}
