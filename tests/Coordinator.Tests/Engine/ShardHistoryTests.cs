using Coordinator.Shards;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Old rows are verified while they are being removed.</summary>
public sealed class ShardHistoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rows_that_are_missing_are_no_damage_once_the_horizon_has_moved_over_them(bool horizonMoves) => SimulationLoop.Run(
        null,
        async loop =>
        {
            await using var engine = await TestEngine.StartAsync(loop, configure: options => options.DecisionRetention = TimeSpan.FromHours(1));
            var old = (await engine.Transactions.DepositAsync("a", 1)).Id;
            await WorkAsync(engine);
            await loop.AdvanceAsync(TimeSpan.FromMinutes(65));
            await WorkAsync(engine);
            await loop.AdvanceAsync(TimeSpan.FromMinutes(5));
            var horizon = engine.Engine.Horizon!;
            Assert.True(engine.Engine.RowsForgotten > 0);
            var logger = new TestLogger();
            var last = (await engine.Rows.ReadShardEndAsync(0, CancellationToken.None)).Last!.Version;
            var history = new ShardHistory(engine.Rows, new("shard/0"), new HistoryMark(last, 9, 1, 0), unreadableVersion: 0, logger);

            // As the reading of the rows begins nothing is forgotten yet; as it ends, everything before the horizon is, and removed.
            var looks = 0;
            await history.VerifyForAsync(old, () => horizonMoves && looks++ > 0 ? horizon : null, loop);

            Assert.Equal((horizonMoves, horizonMoves), (history.UnreadableVersion == 0, logger.Alarms.Count == 0));
        },
        TimeSpan.FromDays(1));

    private static async Task WorkAsync(TestEngine engine)
    {
        for (var i = 0; i < 2500; i++)
        {
            await engine.Transactions.DepositAsync("a", 1);
        }
    }
}
