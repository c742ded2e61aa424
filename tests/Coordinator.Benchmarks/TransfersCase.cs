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
        var work = Work.From(arguments);
        var telemetry = arguments.Text("telemetry", "off");
        using var listening = BenchmarkTelemetry.Start(telemetry);
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var every = arguments.NumberOrNone("snapshots");
        var host = await BenchmarkHost.StartAsync(storage, add: coordinator => LoadCase.AddSnapshots(coordinator, every));
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
                var committed = await TransferAsync(host.Transactions, names, work, random);
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
            snapshotsEvery = every,
            mode = work.Options.Mode.ToString(),
            readsThird = work.ReadsThird,
            inOrder = work.InOrder,
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

    public static async ValueTask<bool> TransferAsync(ITransactions transactions, string[] names, Work work, Random random)
    {
        var from = random.Next(names.Length);
        var to = (from + 1 + random.Next(names.Length - 1)) % names.Length;
        var third = (from + 1 + random.Next(names.Length - 1)) % names.Length;
        var amount = random.Next(1, 100);
        var outcome = await transactions.RunAsync(Transfer, work.Options);
        return outcome.IsCommitted;

        async Task Transfer(ITransaction transaction)
        {
            var isSwapped = work.InOrder && from > to;
            var first = await transaction.UpdateAsync<Account>(names[isSwapped ? to : from]);
            var second = await transaction.UpdateAsync<Account>(names[isSwapped ? from : to]);
            var (source, target) = isSwapped ? (second, first) : (first, second);
            if ((work.ReadsThird && third != to && (await transaction.ReadAsync<Account>(names[third])).State.Balance < 0) || source.State.Balance < amount)
            {
                await transaction.AbortAsync("short balance");
                return;
            }

            source.Raise(new Withdrawn(amount));
            target.Raise(new Deposited(amount));
        }
    }

    /// <summary>What each transfer does.</summary>
    /// <param name="Options">With locks or without.</param>
    /// <param name="ReadsThird">It also reads an account that it does not change.</param>
    /// <param name="InOrder">Everybody takes locks in one order, so that no two wait for each other.</param>
    public sealed record Work(TransactionOptions Options, bool ReadsThird, bool InOrder)
    {
        public static Work From(Arguments arguments)
        {
            var mode = arguments.Text("mode", "pessimistic") switch
            {
                "pessimistic" => ConcurrencyMode.Pessimistic,
                "optimistic" => ConcurrencyMode.Optimistic,
                var other => throw new UsageException($"--mode is pessimistic or optimistic, not {other}."),
            };
            return new Work(new TransactionOptions { Mode = mode }, arguments.Has("read-third"), !arguments.Has("any-order"));
        }
    }

    public static async Task<bool> IsBalancedAsync(ITransactions transactions, string[] names)
    {
        long sum = 0;
        foreach (var chunk in names.Chunk(50))
        {
            long part = 0;
            var outcome = await transactions.RunAsync(async transaction =>
            {
                part = 0;
                foreach (var name in chunk)
                {
                    part += (await transaction.ReadAsync<Account>(name)).State.Balance;
                }
            });
            outcome.EnsureCommitted();
            sum += part;
        }

        return sum == OpeningBalance * names.Length;
    }
}
