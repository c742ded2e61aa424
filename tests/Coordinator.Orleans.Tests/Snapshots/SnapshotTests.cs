using Coordinator.Log;
using Coordinator.Orleans.Snapshots;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using Orleans.TestingHost;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Snapshots in the silo's grain storage.</summary>
public sealed class SnapshotTests
{
    private static readonly StreamName s_stream = new("counter/a");

    [Fact]
    public async Task A_snapshot_is_read_as_it_was_written_and_only_a_newer_one_takes_its_place()
    {
        await using var cluster = await StartAsync();
        var store = StoreOf(cluster);
        Assert.Null(await store.ReadSnapshotAsync(s_stream, CancellationToken.None));

        await store.WriteSnapshotAsync(SnapshotOf(7, "seven"), CancellationToken.None);
        await store.WriteSnapshotAsync(SnapshotOf(6, "six"), CancellationToken.None);
        var read = await store.ReadSnapshotAsync(s_stream, CancellationToken.None);
        Assert.Equal((7L, "seven", null), (read!.Version, System.Text.Encoding.UTF8.GetString(read.Payload.Span), read.Fault));
        Assert.Equal((SnapshotOf(7, "seven").AppendId, new LogPosition(3, 4), "test.counter", 2), (read.AppendId, read.Position, read.Type, read.TypeVersion));

        await store.WriteSnapshotAsync(SnapshotOf(8, "eight"), CancellationToken.None);
        Assert.Equal(8, (await store.ReadSnapshotAsync(s_stream, CancellationToken.None))!.Version);
        await store.DeleteSnapshotAsync(s_stream, CancellationToken.None);
        await store.DeleteSnapshotAsync(s_stream, CancellationToken.None);
        Assert.Null(await store.ReadSnapshotAsync(s_stream, CancellationToken.None));
    }

    [Fact]
    public async Task A_snapshot_that_is_not_what_was_written_says_so_and_is_replaced()
    {
        await using var cluster = await StartAsync();
        var storage = cluster.Silos[0].ServiceProvider.GetRequiredKeyedService<IGrainStorage>("snapshots");
        var state = new GrainState<SnapshotState>(SnapshotState.Of(SnapshotOf(9, "nine")));
        state.State!.Payload[0] ^= 1;
        await storage.WriteStateAsync("snapshot", GrainId.Create("coordinator.snapshot", s_stream.Value), state);

        var store = StoreOf(cluster);
        Assert.NotNull((await store.ReadSnapshotAsync(s_stream, CancellationToken.None))!.Fault);
        await store.WriteSnapshotAsync(SnapshotOf(1, "one"), CancellationToken.None);
        Assert.Equal((1L, null), ((await store.ReadSnapshotAsync(s_stream, CancellationToken.None)) is var read ? (read!.Version, read.Fault) : default));
    }

    [Fact]
    public async Task Storage_of_grains_that_fail_costs_a_transaction_time_only()
    {
        await using var cluster = await TestCluster.StartAsync(1, static (silo, coordinator) =>
        {
            silo.Services.AddKeyedSingleton<IGrainStorage>("away", static (provider, _) => new StorageOfGrains(provider));
            coordinator.AddSnapshots<Counter>("counter", version: 1, every: 100).UseGrainStorageForSnapshots("away");
        });
        var counter = cluster.Of<IGrainFactory>().GetGrain<ICounter>("a");
        var outcome = await cluster.Of<ITransactions>().RunAsync(_ => counter.Count(1));

        Assert.True(outcome.IsCommitted, outcome.ToString());
        Assert.NotEqual(0, ((StorageOfGrains)cluster.Orleans.Silos[0].ServiceProvider.GetRequiredKeyedService<IGrainStorage>("away")).Calls);
    }

    private static async Task<InProcessTestCluster> StartAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo(static (_, silo) =>
        {
            silo.AddMemoryGrainStorage("snapshots");
            silo.AddCoordinator().AddEventsFrom(typeof(Balance).Assembly).UseInMemoryLog().UseGrainStorageForSnapshots("snapshots");
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    private static ISnapshotStore StoreOf(InProcessTestCluster cluster) => cluster.Silos[0].ServiceProvider.GetRequiredService<ISnapshotStore>();

    private static Snapshot SnapshotOf(long version, string payload) => new()
    {
        Stream = s_stream,
        Version = version,
        AppendId = new AppendId(11, 12),
        Generation = 1,
        Position = new LogPosition(3, 4),
        Type = "test.counter",
        TypeVersion = 2,
        Payload = System.Text.Encoding.UTF8.GetBytes(payload),
    };

    /// <summary>As Orleans' storage in memory is, whose grains are where a silo was that has died.</summary>
    private sealed class StorageOfGrains(IServiceProvider services) : IGrainStorage
    {
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => FailAsync();

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => FailAsync();

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => FailAsync();

        private Task FailAsync()
        {
            Interlocked.Increment(ref _calls);
            return services.GetRequiredService<IGrainFactory>().GetGrain<IAccount>("storage").Fail();
        }
    }
}
