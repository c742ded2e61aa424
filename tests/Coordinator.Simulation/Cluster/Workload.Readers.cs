using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <content>Clients that only read, in transactions, and begin the next one as soon as they may.</content>
internal sealed partial class Workload
{
    private static readonly TimeSpan ReaderPace = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RefusedPace = TimeSpan.FromMilliseconds(40); // an owner that wakes up takes work for a moment before it looks around

    private async Task KeepReadingAsync(Host host, SimulatedProcess process)
    {
        var pace = ReaderPace;
        while (_left > 0)
        {
            await process.DelayAsync(_random.Between(TimeSpan.Zero, pace));
            pace = _left > 0 && await TryReadAsync(host, process) ? ReaderPace : RefusedPace;
        }
    }

    private async Task<bool> TryReadAsync(Host host, SimulatedProcess process)
    {
        ITransaction transaction;
        try
        {
            transaction = host.Engine!.Begin(new TransactionOptions { Mode = DrawMode() });
        }
        catch (TransactionRefusedException refused)
        {
            cluster.Watch.BeginRefused(process, refused);
            return false;
        }

        var reads = _random.Chance(0.5) ? new Kind("audit", AuditAsync) : new Kind("look", LookAsync);
        var record = Record(host, transaction, reads.Name);
        try
        {
            await reads.RunAsync(host, transaction, record);
        }
        catch (Exception error) when (error is TransactionException or SimulatedStoreException or CallLostException)
        {
            cluster.Watch.WorkFailed(error);
            Tell(host, process, record, await transaction.AbortAsync(error.GetType().Name));
        }

        _running.Remove(record);
        return true;
    }
}
