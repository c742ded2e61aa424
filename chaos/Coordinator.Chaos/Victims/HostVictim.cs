using Coordinator.Chaos.Victims.Faults;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Coordinator.Chaos.Victims;

/// <summary>One of several embedded hosts on one log: an owner, or a standby. It obeys the lines of the victims' README.md.</summary>
internal sealed class HostVictim : IDisposable
{
    private const int AccountsSnapshotEvery = 3, ListsSnapshotEvery = 10;

    private readonly VictimState _state;
    private readonly IHost _host;
    private readonly VictimWork _work;

    private HostVictim(string store, string log, bool onlySilence)
    {
        var point = new CrashPoint();
        var processes = new SwitchedProcesses { OnlySilence = onlySilence };
        _state = new VictimState(() => Engine, point, processes);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Information);
        var coordinator = builder.Services.AddCoordinator(options => options.WaitForOwnership = false)
            .AddEventsFrom(typeof(Account).Assembly)
            .AddSnapshots<Account>("chaos.account", every: AccountsSnapshotEvery)
            .AddSnapshots<NumberList>("chaos.list", every: ListsSnapshotEvery);
        _ = store == "sqlite" ? coordinator.UseSqlite(log) : coordinator.UsePostgreSql(log);
        builder.Services.AddSingleton<IHostProcesses>(processes);
        point.AddTo(builder.Services);
        _host = builder.Build();
        _work = new VictimWork(_host.Services.GetRequiredService<ITransactions>(), _host.Services.GetRequiredService<IEventLog>());
    }

    private TransactionEngine Engine => _host.Services.GetRequiredService<TransactionEngine>();

    /// <param name="store">sqlite or postgres.</param>
    /// <param name="onlySilence">Whether it starts judging others by their silence alone.</param>
    public static async Task<int> RunAsync(string store, bool onlySilence)
    {
        if (Environment.GetEnvironmentVariable(VictimLines.LogVariable) is not { Length: > 0 } log)
        {
            await Console.Error.WriteLineAsync($"{VictimLines.LogVariable} names no log.");
            return 2;
        }

        using var victim = new HostVictim(store, log, onlySilence);
        await victim._host.StartAsync();
        return await new VictimLines(victim.AnswerAsync, () => victim._host.StopAsync()).ObeyAsync();
    }

    public void Dispose() => _host.Dispose();

    private async ValueTask<string> AnswerAsync(string verb, string request, string rest) => verb switch
    {
        "role" => Engine.Role.ToString(),
        _ => _state.Answer(verb, rest) ?? await _work.AnswerAsync(verb, request, rest) ?? "broken: what is " + verb,
    };
}
