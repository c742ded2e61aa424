using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Log;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The same engine on real threads and real time: what one thread can't show.</summary>
public sealed class ThreadTests
{
    [Fact]
    public async Task Many_threads_on_few_accounts_lose_nothing_and_meet_no_surprise()
    {
        var events = TestEngine.EventTypes();
        var store = new InMemoryLogStore(TimeProvider.System);
        var seams = new EngineSeams(store, TimeProvider.System, SystemRandomSource.Instance, ThreadPoolDispatcher.Instance, null, "here", UnknownProcesses.Instance);
        var engine = new TransactionEngine(seams, new CoordinatorOptions(), events, new AggregateTypes(events), NullLogger.Instance);
        await engine.StartAsync(CancellationToken.None);
        var committed = 0;
        await Parallel.ForAsync(0, 4_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, _) =>
        {
            var outcome = await engine.RunAsync(async transaction =>
            {
                var one = await transaction.UpdateAsync<Account>($"{number % 3}");
                var two = await transaction.UpdateAsync<Account>($"{3 + (number % 2)}");
                one.Raise(new Withdrawn(1));
                two.Raise(new Deposited(1));
                if (number % 7 == 0)
                {
                    await transaction.AbortAsync();
                }
            }, CancellationToken.None);
            Interlocked.Add(ref committed, outcome.IsCommitted ? 1 : 0);
        });

        Assert.Equal(4_000 - ((4_000 + 6) / 7), committed);
        var moved = await engine.BalanceAsync("3") + await engine.BalanceAsync("4");
        Assert.Equal(committed, moved);
        await engine.StopAsync(CancellationToken.None);
        Assert.True(engine.Participants.IsIdle);
    }
}
