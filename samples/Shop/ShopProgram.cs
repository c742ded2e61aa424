using Coordinator;
using Microsoft.Extensions.DependencyInjection;
using Shop.Reports;

namespace Shop;

/// <summary>The shop's program.</summary>
public static class ShopProgram
{
    /// <summary>Runs one command. 0: done; 1: something is not as it should be; 2: the command line makes no sense.</summary>
    public static async Task<int> RunAsync(string[] args, Action<IServiceCollection>? configure = null)
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

        if (arguments.Fresh && Directory.Exists(arguments.DataFolder))
        {
            foreach (var file in Directory.EnumerateFiles(arguments.DataFolder, "shop.db*"))
            {
                File.Delete(file);
            }
        }

        using var host = ShopHost.Build(arguments.DataFolder, configure);
        try
        {
            await host.StartAsync();
        }
        catch (LogStoreException error)
        {
            Console.WriteLine(error.Message);
            return 1;
        }

        var log = host.Services.GetRequiredService<IEventLog>();
        var good = arguments.Command switch
        {
            "order" => await new History(log).ShowAsync("order/" + arguments.Subject),
            "user" => await new History(log).ShowAsync("account/" + arguments.Subject, "cart/" + arguments.Subject),
            "item" => await new History(log).ShowAsync("stock/" + arguments.Subject),
            _ => await new OrderRun(host.Services.GetRequiredService<ITransactions>(), log, arguments).RunAsync(input),
        };
        await host.StopAsync();
        return good ? 0 : 1;
    }
}
