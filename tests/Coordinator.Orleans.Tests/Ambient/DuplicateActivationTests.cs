using System.Collections.Concurrent;
using Coordinator.Log;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Placement;
using Orleans.Runtime.Hosting;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>
/// Two silos of which each has the grain (faults.md G04): what Orleans promises to avoid, and can't. The version that a transaction expects is what keeps them
/// apart; who comes second conflicts and is run again on what the other has left.
/// </summary>
public sealed class DuplicateActivationTests
{
    [Fact]
    public async Task The_one_that_comes_second_is_run_again_and_no_update_is_lost()
    {
        await using var cluster = await StartAsync();
        var (here, there) = (Twin(cluster, 0), Twin(cluster, 1));
        var runs = 0;
        var outcome = await cluster.Of<ITransactions>().RunAsync(async _ =>
        {
            await here.Add(1);
            if (++runs == 1)
            {
                Assert.True((await Elsewhere.RunAsync(() => cluster.Of<ITransactions>(1).RunAsync(_ => there.Add(10)))).IsCommitted);
            }
        });

        Assert.True(outcome.IsCommitted, outcome.ToString());
        Assert.Equal((2, 11, 11), (runs, await ReadAsync(cluster, 0), await ReadAsync(cluster, 1)));
    }

    [Fact]
    public async Task What_was_read_at_a_twin_that_is_behind_does_not_commit()
    {
        await using var cluster = await StartAsync();
        Assert.Equal((0, 0), (await ReadAsync(cluster, 0), await ReadAsync(cluster, 1))); // both have it in memory
        Assert.True((await cluster.Of<ITransactions>().RunAsync(_ => Twin(cluster, 0).Add(1))).IsCommitted);

        var seen = new List<long>();
        var outcome = await cluster.Of<ITransactions>(1).RunAsync(async _ => seen.Add(await Twin(cluster, 1).Read()));
        Assert.True(outcome.IsCommitted, outcome.ToString());
        Assert.Equal([0, 1], seen);
    }

    [Fact]
    public async Task Under_load_on_both_silos_the_sum_is_right()
    {
        const int Workers = 4, Each = 25;
        await using var cluster = await StartAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 2 * Workers).Select(worker => Elsewhere.RunAsync(async () =>
        {
            var committed = 0;
            for (var number = 0; number < Each; number++)
            {
                committed += (await cluster.Of<ITransactions>(worker % 2).RunAsync(_ => Twin(cluster, worker % 2).Add(1))).IsCommitted ? 1 : 0;
            }

            return committed;
        })));

        var sum = outcomes.Sum();
        Assert.True(sum > 0);
        Assert.Equal((sum, sum), (await ReadAsync(cluster, 0), await ReadAsync(cluster, 1)));
    }

    private static async Task<TestCluster> StartAsync()
    {
        var log = new InMemoryLogStore(TimeProvider.System);
        var cluster = await TestCluster.StartAsync(2, (silo, coordinator) =>
        {
            silo.AddGrainDirectory(OwnDirectory.Name, static (_, _) => new OwnDirectory());
            coordinator.UseLogStore(_ => log);
        });
        Assert.NotEqual(await Twin(cluster, 0).Place(), await Twin(cluster, 1).Place());
        return cluster;
    }

    private static ITwin Twin(TestCluster cluster, int silo) => cluster.Of<IGrainFactory>(silo).GetGrain<ITwin>("both");

    private static async Task<long> ReadAsync(TestCluster cluster, int silo)
    {
        var value = 0L;
        Assert.True((await cluster.Of<ITransactions>(silo).RunAsync(async _ => value = await Twin(cluster, silo).Read())).IsCommitted);
        return value;
    }
}

/// <summary>A directory of one silo alone: what others have activated is not in it.</summary>
internal sealed class OwnDirectory : IGrainDirectory
{
    public const string Name = "own";

    private readonly ConcurrentDictionary<GrainId, GrainAddress> _addresses = new();

    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(_addresses.GetOrAdd(address.GrainId, address));

    public Task Unregister(GrainAddress address)
    {
        _addresses.TryRemove(address.GrainId, out _);
        return Task.CompletedTask;
    }

    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult(_addresses.GetValueOrDefault(grainId));

    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}

[Alias("test.twin")]
public interface ITwin : IGrainWithStringKey
{
    [Alias("Add")]
    Task Add(long amount);

    [Alias("Read")]
    Task<long> Read();

    [Alias("Place")]
    Task<string> Place();
}

[Reentrant]
[PreferLocalPlacement]
[GrainDirectory(OwnDirectory.Name)]
public sealed class Twin([TransactionalState("balance")] ITransactionalState<Balance> balance, ILocalSiloDetails silo) : Grain, ITwin
{
    public Task Add(long amount) => balance.UpdateAsync(value => { value.Value += amount; });

    public Task<long> Read() => balance.ReadAsync(static value => value.Value);

    public Task<string> Place() => Task.FromResult(silo.SiloAddress.ToParsableString());
}
