using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Shards;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Several hosts on one log in memory that share its shards, and the links between them in the test's hands.</summary>
internal sealed class TestCluster(SimulationLoop loop, int shards = 16) : IAsyncDisposable
{
    private readonly List<TestEngine> _hosts = [];
    private readonly Dictionary<ulong, TransactionEngine> _engines = [];

    public InMemoryLogStore Rows { get; } = new(loop.Time);

    /// <summary>Messages that were sent over links.</summary>
    public List<HostMessage> Sent { get; } = [];

    /// <summary>Chooses what becomes of a message; null: all arrive, each in a turn of its own.</summary>
    public Func<HostMessage, Fate>? Fate { get; set; }

    /// <summary>Hosts that nothing comes from and nothing goes to.</summary>
    public HashSet<ulong> CutOff { get; } = [];

    /// <summary>A host that has not started.</summary>
    public TestEngine Add(Action<CoordinatorOptions>? configure = null, bool reruns = false)
    {
        var number = (ulong)_hosts.Count + 1;
        var host = TestEngine.Create(
            loop,
            Rows,
            configure: options =>
            {
                options.TakeOverAtStart = false;
                configure?.Invoke(options);
            },
            seed: number,
            reruns: reruns,
            link: new Link(this, number),
            shards: shards);
        _hosts.Add(host);
        _engines.Add(number, host.Engine);
        return host;
    }

    /// <summary>Hosts that have started, each with its share.</summary>
    public async Task<TestEngine[]> StartAsync(int count, Action<CoordinatorOptions>? configure = null, bool reruns = false)
    {
        TestEngine[] hosts = [.. Enumerable.Range(0, count).Select(_ => Add(configure, reruns))];
        foreach (var host in hosts)
        {
            _ = host.Engine.StartAsync(CancellationToken.None);
        }

        await loop.AdvanceAsync(TimeSpan.FromSeconds(30));
        return hosts;
    }

    /// <summary>A host that nobody knows takes a shard, and is silent.</summary>
    public async Task TakeAwayAsync(ushort shard)
    {
        var meta = await LogOpening.OpenAsync(Rows, TestLog.Meta, null, loop.Time, CancellationToken.None, shards);
        var stranger = new ShardClaimer(Rows, meta, loop.Time, new SeededRandom(7), 77, "stranger", TimeSpan.FromSeconds(10));
        Assert.NotNull(await stranger.ClaimAsync(shard, await Rows.ReadShardEndAsync(shard, CancellationToken.None), CancellationToken.None));
    }

    /// <summary>As a network does that lets a host reach the store only to write: no beat of it, no message to it or from it.</summary>
    public void CutOffFromOthers(TestEngine host)
    {
        host.Store.LosesBeats = true;
        CutOff.Add(host.Engine.HostId);
    }

    /// <summary>The work that another host does in a transaction.</summary>
    public static JoinedTransaction Join(TestEngine host, ITransaction transaction) => host.Engine.Join(((TransactionWork)transaction).Header);

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }
    }

    private sealed class Link(TestCluster cluster, ulong host) : IHostLink
    {
        public ulong Host => host;

        public void Send(ulong to, in HostMessage message)
        {
            if (cluster.CutOff.Contains(host) || cluster.CutOff.Contains(to) || !cluster._engines.TryGetValue(to, out var engine))
            {
                return;
            }

            cluster.Sent.Add(message);
            var fate = cluster.Fate?.Invoke(message) ?? Tests.Fate.Arrives;
            for (var copy = 0; copy < fate.Copies; copy++)
            {
                cluster.Carry(engine, host, message, copy == 0 ? fate.Delay : fate.Delay + TimeSpan.FromMilliseconds(1));
            }
        }
    }

    private void Carry(TransactionEngine to, ulong from, HostMessage message, TimeSpan delay)
    {
        // The timer fires once and roots itself while armed.
        _ = loop.Time.CreateTimer(
            _ =>
            {
                if (!CutOff.Contains(to.HostId))
                {
                    to.Receive(from, message);
                }
            },
            null,
            delay,
            Timeout.InfiniteTimeSpan);
    }
}
