namespace Coordinator.Orleans.Ambient;

/// <summary>
/// Where a delegate has to run. The code of a grain runs one turn at a time on the grain's own scheduler; the engine's continuations don't, and so
/// an attempt that is run again would be beside the grain's other turns.
/// </summary>
internal readonly struct GrainPlace
{
    private readonly TaskScheduler? _scheduler;

    private GrainPlace(TaskScheduler scheduler) => _scheduler = scheduler;

    /// <summary>Where the running code is; anywhere if that is no grain.</summary>
    public static GrainPlace Here() => TaskScheduler.Current == TaskScheduler.Default ? default : new GrainPlace(TaskScheduler.Current);

    /// <summary>Runs work there.</summary>
    public Task RunAsync(Func<ITransaction, Task> work, ITransaction transaction) => _scheduler is null || _scheduler == TaskScheduler.Current
        ? work(transaction)
        : Task.Factory.StartNew(() => work(transaction), CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler).Unwrap();
}
