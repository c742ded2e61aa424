using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop;
using Shop.Domain;
using Shop.Input;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// One of several hosts on a PostgreSQL log, which settles orders of the Shop or works on lists as it is told on standard input and says
/// on standard output what became of that. A line ends with a point: one that does not was cut off by a kill.
/// </summary>
internal sealed class HostVictim : IDisposable
{
    /// <summary>Names the environment variable with the connection string, which may hold a password.</summary>
    public const string LogVariable = "COORDINATOR_CHAOS_LOG";

    private readonly CrashPoint _point = new();
    private readonly SwitchedProcesses _processes;
    private readonly ConcurrentDictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly IHost _host;

    private HostVictim(string log, bool onlySilence)
    {
        _processes = new SwitchedProcesses { OnlySilence = onlySilence };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Information);
        builder.Services.AddCoordinator(options => options.WaitForOwnership = false)
            .AddEventsFrom(typeof(ShopHost).Assembly)
            .AddEventsFrom(typeof(HostVictim).Assembly)
            .AddSnapshots<Stock>("shop.stock", every: 3)
            .UsePostgreSql(log);
        builder.Services.AddSingleton<IHostProcesses>(_processes);
        _point.AddTo(builder.Services);
        _host = builder.Build();
    }

    public static async Task<int> RunAsync(bool onlySilence)
    {
        if (Environment.GetEnvironmentVariable(LogVariable) is not { Length: > 0 } log)
        {
            await Console.Error.WriteLineAsync($"{LogVariable} names no log.");
            return 2;
        }

        using var victim = new HostVictim(log, onlySilence);
        await victim._host.StartAsync();
        return await victim.ObeyAsync();
    }

    public void Dispose() => _host.Dispose();

    private TransactionEngine Engine => _host.Services.GetRequiredService<TransactionEngine>();

    private async Task<int> ObeyAsync()
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ', 3);
            if (words[0] == "stop")
            {
                await _host.StopAsync();
                await Task.WhenAll(_running.Values); // a host that has stopped has told everyone
                return 0;
            }

            _running[words[1]] = Task.Run(() => AnswerAsync(words[0], words[1], words.ElementAtOrDefault(2) ?? string.Empty));
        }

        return 3; // the driver is gone
    }

    private async Task AnswerAsync(string verb, string request, string subject)
    {
        var answer = string.Empty;
        try
        {
            answer = verb switch
            {
                "settle" => (await Shop(request).SettleAsync(JsonSerializer.Deserialize<OrderRequest>(subject)!)).ToString(),
                "lists" => await ListWork.AnswerAsync(new AnnouncedTransactions(Engine, request, Say), subject),
                "open" => await OpenAsync(Shop(request), subject.Split(' ')),
                "ask" => AnnouncedTransactions.WordOf(await Engine.OutcomeOfAsync(TransactionId.Parse(subject))),
                "role" => Engine.Role.ToString(),
                "silence" => Switch(subject),
                "arm" => Arm(subject.Split(' ')),
                _ => "broken: what is " + verb,
            };
        }
        catch (TransactionRefusedException refused) when (refused.TransactionId.IsEmpty)
        {
            answer = "refused";
        }
        catch (ArgumentException never)
        {
            answer = "broken: " + never.Message; // an id that was begun is called one that never was
        }
        catch (Exception error)
        {
            // What a client of the shop would see; what it means for the transaction was said as its outcome.
            answer = $"failed {error.GetType().Name}: {error.Message}";
        }

        Say($"end {request} {answer.ReplaceLineEndings(" ")}");
        _running.TryRemove(request, out _);
    }

    private Checkout Shop(string request) => new(new AnnouncedTransactions(Engine, request, Say));

    private static async Task<string> OpenAsync(Checkout checkout, string[] counts)
    {
        var (items, users) = (int.Parse(counts[0], CultureInfo.InvariantCulture), int.Parse(counts[1], CultureInfo.InvariantCulture));
        await checkout.OpenAsync(
            Enumerable.Range(1, items).Select(item => $"i{item}"), Enumerable.Range(1, users).Select(user => $"u{user}"), stock: 1_000_000, balance: 1_000_000_00);
        return "opened";
    }

    private string Switch(string onlySilence)
    {
        _processes.OnlySilence = onlySilence == "on";
        return "switched";
    }

    private string Arm(string[] trap)
    {
        _point.Arm(trap[0] == "nothing" ? null : trap[0], int.Parse(trap[1], CultureInfo.InvariantCulture), int.Parse(trap[2], CultureInfo.InvariantCulture));
        return "armed";
    }

    private static void Say(string line) => Console.WriteLine(line + " .");
}
