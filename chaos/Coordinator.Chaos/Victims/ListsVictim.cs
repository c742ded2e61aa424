using System.Globalization;
using Coordinator.Testing.Histories;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// A process with a log of its own in SQLite, whose clients work on lists and write down what they see, line by line, until it dies at
/// a crash point or is killed. Says a word for each transaction that has ended.
/// </summary>
internal static class ListsVictim
{
    /// <summary>The log's file, in the folder that is given.</summary>
    public const string File = "lists.db";

    private const int Clients = 8, ElementsALife = 1_000_000, KeysALife = 2;

    /// <summary>Works until it is killed, or until so many transactions have ended.</summary>
    /// <param name="point">Where it dies.</param>
    /// <param name="arguments">The folder, the history's file, the number of this life, the seed, and how many transactions.</param>
    public static async Task<int> RunAsync(CrashPoint point, string[] arguments)
    {
        if (arguments is not [var folder, var file, var lifeText, var seedText, var countText])
        {
            return 2;
        }

        var life = int.Parse(lifeText, CultureInfo.InvariantCulture);
        var left = int.Parse(countText, CultureInfo.InvariantCulture);
        var seed = int.Parse(seedText, CultureInfo.InvariantCulture);
        var plan = new ListPlan(life * KeysALife, (long)life * ElementsALife);
        return await RunAsync(folder, file, point, (transactions, history) => Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var random = new Random((seed * 1000 + life) * 100 + client);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await ListWork.RunAsync(transactions, history, $"c{life}.{client}", plan.Draw(random));
                Console.WriteLine("ended");
            }
        }))));
    }

    /// <summary>Reads all the lists, for the last time.</summary>
    /// <param name="arguments">The folder, the history's file, and the lists.</param>
    public static Task<int> ReadAsync(string[] arguments) => RunAsync(arguments[0], arguments[1], new CrashPoint(), async (transactions, history) =>
    {
        foreach (var some in arguments[2..].Chunk(30))
        {
            await ListWork.RunAsync(transactions, history, "reader", [.. some.Select(key => new MicroOperation.ReadList(key, default))]);
        }
    });

    private static async Task<int> RunAsync(string folder, string file, CrashPoint point, Func<ITransactions, HistoryWriter, Task> work)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddCoordinator().AddEventsFrom(typeof(ListsVictim).Assembly).UseSqlite(Path.Combine(folder, File));
        point.AddTo(builder.Services);
        using var host = builder.Build();
        await host.StartAsync();
        using (var history = HistoryWriter.Append(file, TimeProvider.System)) // once the log is ours: nobody else writes to the history
        {
            await work(host.Services.GetRequiredService<ITransactions>(), history);
        }

        await host.StopAsync();
        return 0;
    }
}
