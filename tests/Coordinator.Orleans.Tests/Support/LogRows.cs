using Coordinator.Hosting;
using Coordinator.Log;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Whether anything was written of a transaction: each that leaves a trace has a row in a shard.</summary>
internal static class LogRows
{
    private const int ShardCount = 16; // of a log that a silo has created

    /// <summary>Does something and demands that it leaves no row in any shard. Nothing else must use the cluster meanwhile.</summary>
    public static async Task NoneAsync(TestCluster cluster, Func<Task> act)
    {
        await Waiting.UntilAsync(() => cluster.All<TransactionEngine>().Sum(static engine => engine.OwnedCount) == ShardCount, "owner of every shard"); // who takes one writes a row
        var before = await CountAsync(cluster);
        await act();
        Assert.Equal(before, await CountAsync(cluster));
    }

    private static async Task<long> CountAsync(TestCluster cluster)
    {
        var rows = 0L;
        for (ushort shard = 0; shard < ShardCount; shard++)
        {
            rows += (await cluster.Of<ILogStore>().ReadShardEndAsync(shard, CancellationToken.None)).LastVersion;
        }

        return rows;
    }
}
