using System.Globalization;
using System.Text.Json;

namespace Coordinator.Benchmarks;

/// <summary>Bank transfers between two of N accounts, each one transaction over two aggregates; the balances are verified.</summary>
internal static class TransfersCase
{
    private const long OpeningBalance = 1_000_000;

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var accounts = arguments.Number("accounts", 10_000);
        var concurrency = arguments.Number("concurrency", 64);
        var telemetry = arguments.Text("telemetry", "off");
        using var listening = BenchmarkTelemetry.Start(telemetry);
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var host = await BenchmarkHost.StartAsync(storage);
        await using var __ = host;
        var names = Enumerable.Range(0, accounts).Select(index => index.ToString(CultureInfo.InvariantCulture)).ToArray();
        await OpenAsync(host.Transactions, names);

        var committer = host.Engine.Committer;
        var (batches, groups) = (committer.BatchCount, committer.GroupCount);
        long everCommitted = 0;
        var window = await ClosedLoop.RunAsync(
            concurrency,
            arguments.Seconds("warmup", 5),
            arguments.Seconds("seconds", 5),
            async random =>
            {
                var committed = await TransferAsync(host.Transactions, names, random);
                Interlocked.Add(ref everCommitted, committed ? 1 : 0);
                return committed;
            });
        batches = committer.BatchCount - batches;
        groups = committer.GroupCount - groups;
        var balanced = await IsBalancedAsync(host.Transactions, names);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "transfers",
            store,
            accounts,
            concurrency,
            telemetry,
            committedPerSecond = Math.Round(window.Committed / window.Seconds),
            abortedPerSecond = Math.Round(window.Aborted / window.Seconds, 1),
            p50Ms = Math.Round(window.P50Ms, 3),
            p99Ms = Math.Round(window.P99Ms, 3),
            forcedBatchesPerCommit = Math.Round((double)batches / everCommitted, 3),
            syncsPerCommit = Math.Round((double)groups / everCommitted, 3),
            allocatedBytesPerCommit = Math.Round(window.AllocatedBytesPerCommit),
            cpuMicrosPerCommit = Math.Round(window.CpuMicrosPerCommit, 1),
            balanced,
        }));
        return balanced;
    }

    public static async Task OpenAsync(ITransactions transactions, string[] names)
    {
        foreach (var chunk in names.Chunk(50))
        {
            var outcome = await transactions.RunAsync(async transaction =>
            {
                foreach (var name in chunk)
                {
                    (await transaction.UpdateAsync<Account>(name)).Raise(new Deposited(OpeningBalance));
                }
            });
            outcome.EnsureCommitted();
        }
    }

    public static async ValueTask<bool> TransferAsync(ITransactions transactions, string[] names, Random random)
    {
        var from = random.Next(names.Length);
        var to = (from + 1 + random.Next(names.Length - 1)) % names.Length;
        var amount = random.Next(1, 100);
        var outcome = await transactions.RunAsync(async transaction =>
        {
            // In one order for everyone, so that two transfers never wait for each other.
            var first = await transaction.UpdateAsync<Account>(names[Math.Min(from, to)]);
            var second = await transaction.UpdateAsync<Account>(names[Math.Max(from, to)]);
            var (source, target) = from < to ? (first, second) : (second, first);
            if (source.State.Balance < amount)
            {
                await transaction.AbortAsync("short balance");
                return;
            }

            source.Raise(new Withdrawn(amount));
            target.Raise(new Deposited(amount));
        });
        return outcome.IsCommitted;
    }

    public static async Task<bool> IsBalancedAsync(ITransactions transactions, string[] names)
    {
        long sum = 0;
        foreach (var chunk in names.Chunk(50))
        {
            var outcome = await transactions.RunAsync(async transaction =>
            {
                foreach (var name in chunk)
                {
                    sum += (await transaction.ReadAsync<Account>(name)).State.Balance;
                }
            });
            outcome.EnsureCommitted();
        }

        return sum == OpeningBalance * names.Length;
    }
}
