using System.Globalization;
using Bank.Silos;
using Coordinator.Chaos.Silo.Grains;
using Coordinator.Chaos.Silo.Twins;
using Coordinator.Chaos.Victims;
using Coordinator.Chaos.Victims.Faults;
using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Core.Internal;

namespace Coordinator.Chaos.Silo;

/// <summary>
/// One of several silos on a PostgreSQL log: takes the same lines as an embedded host. Beside those it obeys <c>twins on</c>: from now on it activates grains for itself
/// that are active on other silos; and <c>twins off</c>: no more, and those that it has are deactivated.
/// </summary>
internal sealed class SiloVictim : IDisposable
{
    private readonly VictimState _state;
    private readonly IHost _host;
    private volatile bool _isUp;

    private SiloVictim(string log, bool onlySilence, int listens, int advertises)
    {
        var point = new CrashPoint();
        var processes = new SwitchedProcesses { OnlySilence = onlySilence };
        _host = SiloSetup.Build(log, listens, advertises, point, processes);
        _state = new VictimState(() => Engine, point, processes);
    }

    /// <param name="arguments"><c>only-silence</c> or <c>all-evidence</c>, the port that it listens at, and the port that it advertises.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (Environment.GetEnvironmentVariable(VictimLines.LogVariable) is not { Length: > 0 } log || arguments is not [var evidence, var listens, var advertises])
        {
            await Console.Error.WriteLineAsync($"only-silence|all-evidence PORT ADVERTISED-PORT, and a log in {VictimLines.LogVariable}.");
            return 2;
        }

        await OrleansSchema.CreateAsync(log);
        using var victim = new SiloVictim(log, evidence == "only-silence", Number(listens), Number(advertises));
        var start = victim.StartAsync();
        var lines = new VictimLines(victim.AnswerAsync, () => victim.StopAsync(start));
        var obeyed = lines.ObeyAsync();
        await Task.WhenAny(start, obeyed); // a silo that can't start ends at once, and says why
        await start;
        return await obeyed;
    }

    public void Dispose() => _host.Dispose();

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private TransactionEngine Engine => _host.Services.GetRequiredService<TransactionEngine>();

    private async Task StartAsync()
    {
        await _host.StartAsync();
        _isUp = true;
    }

    private async Task StopAsync(Task start)
    {
        await start;
        await _host.StopAsync();
    }

    private async ValueTask<string> AnswerAsync(string verb, string request, string rest) => verb switch
    {
        "role" => !_isUp ? nameof(HostRole.Starting) : Engine.Role is HostRole.Owner ? "Member" : Engine.Role.ToString(),
        "locks" when !_isUp => "idle", // it has begun nothing, and nobody has come here
        "indoubt" when !_isUp => "0",
        "locks" or "indoubt" or "silence" or "arm" => _state.Answer(verb, rest)!,
        _ when !_isUp => "refused",
        "twins" => await TwinsAsync(rest == "on"),
        _ => await WorkAsync(verb, request, rest) ?? "broken: what is " + verb,
    };

    /// <summary>Half of the transactions begin in a service of the silo, half in a grain.</summary>
    private async Task<string?> WorkAsync(string verb, string request, string rest) => Number(request) % 2 == 0
        ? await _host.Services.GetRequiredService<SiloWork>().AnswerAsync(verb, request, rest)
        : await _host.Services.GetRequiredService<IGrainFactory>().GetGrain<ITellerGrain>(0)
            .Answer(_host.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress, verb, request, rest);

    private async Task<string> TwinsAsync(bool isOn)
    {
        _host.Services.GetRequiredService<TwinSwitch>().IsOn = isOn;
        if (!isOn)
        {
            var grains = _host.Services.GetRequiredService<IGrainFactory>();
            await Task.WhenAll(_host.Services.GetRequiredService<TwinDirectory>().Grains
                .Select(grain => grains.GetGrain<IGrainManagementExtension>(grain).DeactivateOnIdle().AsTask()));
        }

        return "switched";
    }
}
