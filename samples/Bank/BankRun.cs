using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Bank.Accounts;
using Bank.Silos;
using Spectre.Console;

namespace Bank;

/// <summary>One run of the sample: silos up, accounts opened, transfers made by all branches at once, the books checked.</summary>
public sealed class BankRun
{
    private const int Branches = 12;
    private const int TellersPerBranch = 4;
    private const long OpeningBalance = 1_000_00;

    private readonly BankArguments _arguments;
    private readonly IGrainFactory _grains;
    private readonly string[] _accounts;
    private readonly string _run = Guid.NewGuid().ToString("n")[..8]; // accounts and orders of earlier runs are none of this one's
    private readonly int[] _results = new int[Enum.GetValues<TransferResult>().Length];
    private int _made;

    private BankRun(BankArguments arguments, IGrainFactory grains)
    {
        _arguments = arguments;
        _grains = grains;
        _accounts = [.. Enumerable.Range(0, arguments.Accounts).Select(number => $"{_run}-{number}")];
    }

    /// <summary>True if no money was lost or made.</summary>
    public static async Task<bool> RunAsync(BankArguments arguments)
    {
        if (arguments.ConnectionString is { } connectionString)
        {
            await OrleansSchema.CreateAsync(connectionString);
        }

        using var silo = BankSilo.Build(arguments.ConnectionString, FreePorts());
        await silo.StartAsync();
        var others = new List<SiloProcess>();
        for (var number = 1; number < arguments.Silos; number++)
        {
            others.Add(await SiloProcess.StartAsync(arguments.ConnectionString!, FreePorts()));
        }

        var isGood = await new BankRun(arguments, silo.Grains()).MakeTransfersAsync(others);
        await Task.WhenAll(others.Select(other => other.StopAsync()));
        others.ForEach(other => other.Dispose());
        await silo.StopAsync();
        return isGood;
    }

    private async Task<bool> MakeTransfersAsync(List<SiloProcess> others)
    {
        foreach (var some in _accounts.Chunk(50))
        {
            await Branch(0).Open(some, OpeningBalance);
        }

        var clock = Stopwatch.StartNew();
        var tellers = Enumerable.Range(0, Branches * TellersPerBranch).Select(teller => TellAsync(teller)).ToArray();
        var victim = _arguments.Kill ? KillHalfWayAsync(others[^1]) : Task.CompletedTask;
        await Task.WhenAll(tellers);
        await victim;
        var seconds = clock.Elapsed.TotalSeconds;

        var table = new Table().AddColumn("transfers").AddColumn(new TableColumn("count").RightAligned());
        table.AddRow("done", _results[(int)TransferResult.Done].ToString());
        table.AddRow("refused: overdrawn", _results[(int)TransferResult.Overdrawn].ToString());
        table.AddRow("asked again after a failure", (_results[(int)TransferResult.Failed] + _results[(int)TransferResult.Unknown]).ToString());
        table.AddRow("done per second", $"{_results[(int)TransferResult.Done] / seconds:F0}");
        AnsiConsole.Write(table);
        return await CheckAsync();
    }

    /// <summary>One of those who make transfers at a branch. What fails or is not known is asked for again, under the same order: it is done once.</summary>
    private async Task TellAsync(int teller)
    {
        var random = new Random(teller);
        for (var number = Interlocked.Increment(ref _made); number <= _arguments.Transfers; number = Interlocked.Increment(ref _made))
        {
            var from = random.Next(_accounts.Length);
            var to = (from + 1 + random.Next(_accounts.Length - 1)) % _accounts.Length;
            var amount = random.Next(1, 50_00);
            var pause = TimeSpan.Zero;
            TransferResult result;
            do
            {
                await Task.Delay(pause);
                result = await TransferAsync(teller % Branches, $"{_run}-{number}", _accounts[from], _accounts[to], amount);
                Interlocked.Increment(ref _results[(int)result]);
                pause = TimeSpan.FromMilliseconds(200); // before it is asked again
            }
            while (result is TransferResult.Failed or TransferResult.Unknown);
        }
    }

    private async Task<TransferResult> TransferAsync(int branch, string order, string from, string to, long amount)
    {
        try
        {
            return await Branch(branch).Transfer(order, from, to, amount);
        }
        catch (Exception error) when (error is OrleansException or TimeoutException or SocketException)
        {
            return TransferResult.Unknown; // the silo of the branch, or of an account, is gone
        }
    }

    private async Task KillHalfWayAsync(SiloProcess victim)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (Volatile.Read(ref _made) < _arguments.Transfers / 2)
        {
            await look.WaitForNextTickAsync();
        }

        victim.Kill();
        AnsiConsole.MarkupLine("one silo was killed; its grains come back elsewhere once the others have declared it dead");
    }

    private async Task<bool> CheckAsync()
    {
        var sums = await Task.WhenAll(_accounts.Chunk(50).Select(some => Branch(1).Sum(some)));
        var isConserved = sums.Sum() == OpeningBalance * _accounts.Length;
        AnsiConsole.WriteLine($"{(isConserved ? "holds  " : "BROKEN ")} money is conserved over {_accounts.Length} accounts");
        return isConserved;
    }

    private IBranchGrain Branch(int number) => _grains.GetGrain<IBranchGrain>(number);

    /// <summary>A port that is free, as is the next one.</summary>
    private static int FreePorts()
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            var port = ((IPEndPoint)first.LocalEndpoint).Port;
            try
            {
                using var second = new TcpListener(IPAddress.Loopback, port + 1);
                second.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: another pair.
            }
        }
    }
}
