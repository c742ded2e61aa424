using Coordinator;
using Microsoft.Extensions.DependencyInjection;
using Shop.Reports;

namespace Shop;

/// <summary>The shop's program.</summary>
public static class ShopProgram
{
    /// <summary>Runs one command. 0: done; 1: something is not as it should be; 2: the command line makes no sense.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var arguments = ShopArguments.Parse(args, out var fault);
        if (arguments is null || arguments.Command == "help")
        {
            Console.WriteLine(arguments is null ? fault + Environment.NewLine + Environment.NewLine + ShopArguments.Usage : ShopArguments.Usage);
            return arguments is null ? 2 : 0;
        }

        var input = arguments.Subject ?? Path.Combine(AppContext.BaseDirectory, "orders.csv");
        if (arguments.Command == "run" && !File.Exists(input))
        {
            Console.WriteLine($"There is no file {input}.");
            return 2;
        }

        try
        {
            Directory.CreateDirectory(arguments.DataFolder);
            if (arguments.Fresh)
            {
                Empty(arguments.DataFolder);
            }

            using var host = ShopHost.Build(arguments.DataFolder);
            using var telemetry = ShopTelemetry.StartIfWanted(); // ends before the host: its meter goes with the host
            await host.StartAsync();
            var good = await RunAsync(host.Services, arguments, input);
            await host.StopAsync();
            return good ? 0 : 1;
        }
        catch (Exception error) when (error is LogStoreException or IOException or UnauthorizedAccessException)
        {
            Console.WriteLine(error.Message);
            return 1;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("Stopped before the log was free.");
            return 1;
        }
    }

    /// <summary>Empties the log under the lock that its owner holds: never beneath a running shop.</summary>
    private static void Empty(string folder)
    {
        using var owner = new FileStream(Path.Combine(folder, "shop.db-owner"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        foreach (var file in new[] { "shop.db-wal", "shop.db-shm", "shop.db" })
        {
            File.Delete(Path.Combine(folder, file));
        }
    }

    private static async Task<bool> RunAsync(IServiceProvider services, ShopArguments arguments, string input)
    {
        var log = services.GetRequiredService<IEventLog>();
        try
        {
            return arguments.Command switch
            {
                "order" => await new History(log).ShowAsync("order/" + arguments.Subject),
                "user" => await new History(log).ShowAsync("account/" + arguments.Subject, "cart/" + arguments.Subject),
                "item" => await new History(log).ShowAsync("stock/" + arguments.Subject),
                _ => await new OrderRun(services.GetRequiredService<ITransactions>(), log, arguments).RunAsync(input),
            };
        }
        catch (Exception error) when (error is TransactionException or ArgumentException)
        {
            Console.WriteLine(error.Message + " Run again to go on.");
            return false;
        }
    }
}
