using Coordinator.Client;
using Coordinator.Protocol;

namespace Coordinator.Simulation;

/// <content>
/// Where a piece of a transaction's work is done: at its own host, or by a call to the host where the stream has its place. It plays the part of a runtime of
/// grains: a call takes its time, may get lost, and one that fails dooms the transaction (rule D-6).
/// </content>
internal sealed partial class Workload
{
    private async Task WorkAtAsync(ITransaction transaction, TransactionRecord record, StreamName stream, Func<TransactionWork, Task> piece)
    {
        var work = (TransactionWork)transaction;
        record.Streams.Add(stream);
        var here = cluster.Plan.IsCluster ? cluster.Hosts.Find(host => host.Process!.Name == record.Host) : null;
        if (here is null || cluster.Places.Find(stream, here) is not { } there || there == here)
        {
            await piece(work);
            return;
        }

        var process = there.Process!;
        record.CallsRunning++;
        var error = await CallAsync(here, there, work.Header, piece);
        record.CallsRunning--;
        if (error is not null)
        {
            work.Doom((error as TransactionAbortedException)?.Cause ?? new AbortCause(AbortReason.WorkFailed, new ParticipantId(stream), $"a call for it threw {error.GetType().Name}"));
            throw error;
        }

        record.WorkedAt.Add(process);
    }

    /// <summary>What became of the call: null if it came back well.</summary>
    private async Task<Exception?> CallAsync(Host here, Host there, TransactionHeader header, Func<TransactionWork, Task> piece)
    {
        var (from, to, engine) = (here.Process!, there.Process!, there.Engine!);
        var answered = new TaskCompletionSource<Exception?>();
        cluster.Network.Call(from, to, () => cluster.Loop.Start(async () =>
        {
            var error = await TryWorkAsync(engine, cluster.Mutant.HeaderAt(engine, header), piece);
            cluster.Reach(error is null ? SituationTable.JoinedWork : SituationTable.JoinedWorkFailed);
            cluster.Network.Call(to, from, () => answered.TrySetResult(error));
        }));
        from.After(cluster.Plan.Options.TransactionTimeout, () => answered.TrySetResult(new CallLostException()));
        return await answered.Task;
    }

    private static async Task<Exception?> TryWorkAsync(Hosting.TransactionEngine engine, TransactionHeader header, Func<TransactionWork, Task> piece)
    {
        JoinedTransaction? work = null;
        try
        {
            await piece(work = engine.Join(header));
            return null;
        }
        catch (Exception error) when (error is TransactionException or Testing.Simulation.SimulatedStoreException or WorkThrewException)
        {
            work?.Doom(new AbortCause(AbortReason.WorkFailed, null, $"a call threw {error.GetType().Name}")); // no message that could be lost
            return error;
        }
    }

    /// <summary>Who asks to commit while a call is out does not know what it would commit.</summary>
    private static void FailIfCallsRun(ITransaction transaction, TransactionRecord record)
    {
        if (record.CallsRunning > 0)
        {
            ((TransactionWork)transaction).Doom(new AbortCause(AbortReason.WorkFailed, null, "a call of the transaction was still running when it asked to commit"));
        }
    }
}

/// <summary>A call to another host did not come back.</summary>
internal sealed class CallLostException : Exception;
