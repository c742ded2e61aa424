using System.Diagnostics;
using Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What runs on processes of its own has the machine for itself: times are measured.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Processes
{
    public const string Name = "Processes";
}

/// <summary>
/// Silos are killed under load (faults.md G01, C and P points by chance): the silo that coordinates, one that takes part, both. The coordinator and the cluster's
/// membership have their default options, so that the membership evicts the dead silo long after all is decided.
/// </summary>
[Collection(Processes.Name)]
public sealed class KillTests(LogServer server)
{
    private const int LedgersEach = 8;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    // Nothing that is measured waits for it, but the load's calls to a dead silo do, and with them the test. Orleans' default once is enough.
    private static readonly TimeSpan s_defaultResponseTimeout = TimeSpan.FromSeconds(30), s_shortResponseTimeout = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData("coordinates")]
    [InlineData("takes part")]
    [InlineData("both")]
    public async Task All_is_decided_in_time_and_as_it_was_told(string what)
    {
        await using var cluster = await BankCluster.StartAsync(server, what is "takes part" ? s_defaultResponseTimeout : s_shortResponseTimeout);
        var others = await cluster.AddAsync(2);
        var (ann, bob) = (others[0], others[1]);
        SiloPorts[] places = what is "both" ? [cluster.Ports, ann.Ports, bob.Ports] : [cluster.Ports, bob.Ports];
        SiloProcess[] killed = what switch
        {
            "coordinates" => [ann], // where the client's transactions begin, and no ledger is
            "takes part" => [bob], // where ledgers are, and nothing begins
            _ => [ann, bob],
        };
        string[] ledgers = [.. places.SelectMany(static place => Enumerable.Range(0, LedgersEach).Select(number => KeyPlacementDirector.Key(place.Silo, number)))];
        var load = new BankLoad(ledgers);
        var client = await cluster.ConnectAsync(what is "takes part" ? cluster.Ports : ann.Ports);
        load.Start(cluster.Transactions, cluster.Grains, workers: 8);
        load.Start(client.GetRequiredService<ITransactions>(), client.GetRequiredService<IGrainFactory>(), workers: 8);
        await load.CommitsAsync(300);

        using var held = new HeldUp();
        Array.ForEach(killed, static silo => silo.Kill());
        var since = Stopwatch.StartNew();
        var ended = load.EndAsync();
        var decided = await Task.WhenAll(load.Untold.ToArray().Select(id => DecidedAsync(cluster, id, since)));
        var free = await Task.WhenAll(ledgers.Where(ledger => !Array.Exists(killed, silo => ledger.StartsWith($"{silo.Ports.Silo}-", StringComparison.Ordinal)))
            .Select(ledger => FreeAsync(cluster, ledger, since)));
        await ended;

        Report(what, "decided", decided);
        Report(what, "locks free", free);
        Assert.NotEmpty(decided);
        Assert.All(decided.Concat(free), time => Assert.True(time <= s_limit + held.Time, $"{time.TotalSeconds:F1} s after the kill, {held.Time.TotalSeconds:F1} s of which the machine was busy with other things"));
        await load.VerifyAsync(cluster.Of<IEventLog>(), cluster.Grains);
    }

    /// <summary>When it was known whether the transaction has committed.</summary>
    private static async Task<TimeSpan> DecidedAsync(BankCluster cluster, TransactionId id, Stopwatch since)
    {
        await Waiting.UntilAsync(async () => await cluster.Grains.GetGrain<ITransactionGrain>(id.ToString()).Outcome() is not TransactionOutcome.Unknown, $"decision of {id}");
        return since.Elapsed;
    }

    /// <summary>When another transaction had the ledger's lock.</summary>
    private static async Task<TimeSpan> FreeAsync(BankCluster cluster, string ledger, Stopwatch since)
    {
        await Waiting.UntilAsync(
            async () => (await cluster.Transactions.RunAsync(_ => cluster.Grains.GetGrain<ILedger>(ledger).Add(0))).IsCommitted, $"free lock of {ledger}");
        return since.Elapsed;
    }

    private static void Report(string what, string happened, TimeSpan[] times)
    {
        var sorted = times.Order().ToArray();
        Console.WriteLine(
            $"kill -9 of the silo that {what}: {happened} after {At(0.5):F2} s (p50), {At(0.9):F2} s (p90), {At(1):F2} s (the last) of {sorted.Length}");

        double At(double part) => sorted.Length == 0 ? 0 : sorted[(int)(part * (sorted.Length - 1))].TotalSeconds;
    }
}

/// <summary>How long this process could not do what it was due to: what a limit in seconds must bear with on a machine that is busy.</summary>
internal sealed class HeldUp : IDisposable
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(50);

    private readonly PeriodicTimer _timer = new(s_tick);
    private long _ticks;

    public HeldUp() => _ = CountAsync();

    public TimeSpan Time => TimeSpan.FromTicks(Volatile.Read(ref _ticks));

    public void Dispose() => _timer.Dispose();

    private async Task CountAsync()
    {
        var last = Stopwatch.GetTimestamp();
        while (await _timer.WaitForNextTickAsync())
        {
            var late = Stopwatch.GetElapsedTime(last) - (2 * s_tick);
            last = Stopwatch.GetTimestamp();
            if (late > TimeSpan.Zero)
            {
                Interlocked.Add(ref _ticks, late.Ticks);
            }
        }
    }
}
