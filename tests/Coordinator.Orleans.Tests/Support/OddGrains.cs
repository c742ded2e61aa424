using Orleans.Concurrency;

namespace Coordinator.Orleans.Tests;

[Alias("test.joining")]
public interface IJoining : IGrainWithIntegerKey
{
    /// <summary>Runs work of its own, wherever it is called from. Says of which kind the outcome is.</summary>
    [Alias("Transfer")]
    Task<string> Transfer(string from, string to, long amount);

    /// <summary>Tries to commit the transaction that it was called in.</summary>
    [Alias("Commit")]
    Task Commit(string account);
}

[StatelessWorker]
[Reentrant]
public sealed class Joining(ITransactions transactions) : Grain, IJoining
{
    public async Task<string> Transfer(string from, string to, long amount) => (await transactions.RunAsync(async _ =>
    {
        await GrainFactory.GetGrain<IAccount>(from).Add(-amount);
        await GrainFactory.GetGrain<IAccount>(to).Add(amount);
    })).GetType().Name;

    public Task Commit(string account) => transactions.RunAsync(async transaction =>
    {
        await GrainFactory.GetGrain<IAccount>(account).Add(1);
        await transaction.CommitAsync();
    });
}

[Alias("test.slow")]
public interface ISlow : IGrainWithStringKey
{
    /// <summary>Changes its state, and then answers later than anybody waits.</summary>
    [Alias("Add")]
    [ResponseTimeout("00:00:00.200")]
    Task Add(long amount);

    [Alias("Free")]
    [AlwaysInterleave]
    Task Free();
}

[Reentrant]
public sealed class Slow([TransactionalState("balance")] ITransactionalState<Balance> balance) : Grain, ISlow
{
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task Add(long amount)
    {
        await balance.UpdateAsync(value => { value.Value += amount; });
        await _free.Task;
    }

    public Task Free()
    {
        _free.TrySetResult();
        return Task.CompletedTask;
    }
}

[Alias("test.late")]
public interface ILate : IGrainWithStringKey
{
    /// <summary>Changes its state only once it is freed.</summary>
    [Alias("Add")]
    Task Add(long amount);

    [Alias("Read")]
    Task<long> Read();

    [Alias("Free")]
    [AlwaysInterleave]
    Task Free();
}

[Reentrant]
public sealed class Late([TransactionalState("balance")] ITransactionalState<Balance> balance) : Grain, ILate
{
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task Add(long amount)
    {
        await _free.Task;
        await balance.UpdateAsync(value => { value.Value += amount; });
    }

    public Task<long> Read() => balance.ReadAsync(static value => value.Value);

    public Task Free()
    {
        _free.TrySetResult();
        return Task.CompletedTask;
    }
}

[Alias("test.hasty")]
public interface IHasty : IGrainWithStringKey
{
    /// <summary>Changes its state after the function that was to change it has returned.</summary>
    [Alias("AddAfterwards")]
    Task AddAfterwards(long amount, Promise promise);

    /// <summary>Changes its state, and later what it was given then once more.</summary>
    [Alias("AddTwice")]
    Task AddTwice(long amount);

    [Alias("Read")]
    Task<long> Read();
}

/// <summary>What a function returns that has not ended.</summary>
[GenerateSerializer]
public enum Promise
{
    Task,
    TaskOf,
    ValueTask,
    ValueTaskOf,
}

[Reentrant]
public sealed class Hasty([TransactionalState("balance")] ITransactionalState<Balance> balance) : Grain, IHasty
{
    private readonly List<Balance> _given = [];

    public Task AddAfterwards(long amount, Promise promise) => promise switch
    {
        Promise.Task => balance.UpdateAsync(async value => // compiles without a warning
        {
            await Task.Yield();
            value.Value += amount;
        }),
        Promise.TaskOf => balance.UpdateAsync(async value =>
        {
            await Task.Yield();
            return value.Value += amount;
        }),
        Promise.ValueTask => balance.UpdateAsync<ValueTask>(async value =>
        {
            await Task.Yield();
            value.Value += amount;
        }),
        _ => balance.UpdateAsync<ValueTask<long>>(async value =>
        {
            await Task.Yield();
            return value.Value += amount;
        }),
    };

    public async Task AddTwice(long amount)
    {
        await balance.UpdateAsync(value =>
        {
            value.Value += amount;
            _given.Add(value);
        });
        await balance.UpdateAsync(value =>
        {
            _given.Add(value);
            return value.Value;
        });
        _given.ForEach(value => value.Value += amount);
    }

    public Task<long> Read() => balance.ReadAsync(static value => value.Value);
}

[Alias("test.busy")]
public interface IBusy : IGrainWithStringKey
{
    /// <summary>Changes its state, and starts a loop that lives on when the call has ended.</summary>
    [Alias("StartLoop")]
    Task StartLoop(bool isOutside);

    /// <summary>Changes its state, and starts a timer.</summary>
    [Alias("StartTimer")]
    Task StartTimer();

    [Alias("Free")]
    [AlwaysInterleave]
    Task Free();

    /// <summary>What became of the work that the loop or the timer has done once it was freed.</summary>
    [Alias("Told")]
    [AlwaysInterleave]
    Task<string> Told();
}

[Reentrant]
public sealed class Busy([TransactionalState("balance")] ITransactionalState<Balance> balance, ITransactions transactions) : Grain, IBusy
{
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task StartLoop(bool isOutside)
    {
        using (isOutside ? TransactionFlow.Suppress() : null)
        {
            LoopAsync().Ignore();
        }

        await balance.UpdateAsync(static value => { value.Value++; }); // after the block it is part of the transaction again
    }

    public async Task StartTimer()
    {
        this.RegisterGrainTimer(LoopAsync, new GrainTimerCreationOptions { DueTime = TimeSpan.Zero, Period = Timeout.InfiniteTimeSpan, Interleave = true });
        await balance.UpdateAsync(static value => { value.Value++; });
    }

    public Task Free()
    {
        _free.TrySetResult();
        return Task.CompletedTask;
    }

    public Task<string> Told() => _told.Task;

    private async Task LoopAsync()
    {
        await _free.Task;
        try
        {
            var other = GrainFactory.GetGrain<IAccount>(this.GetPrimaryKeyString());
            await other.Place();
            _told.SetResult((await transactions.RunAsync(_ => other.Add(1))).GetType().Name);
        }
        catch (TransactionException error)
        {
            _told.SetResult(error.GetType().Name);
        }
    }
}
