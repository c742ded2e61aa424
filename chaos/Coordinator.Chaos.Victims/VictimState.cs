using System.Globalization;
using Coordinator.Chaos.Victims.Faults;
using Coordinator.Hosting;

namespace Coordinator.Chaos.Victims;

/// <summary>What every victim is asked about itself, and told to become; see README.md.</summary>
internal sealed class VictimState(Func<TransactionEngine> engineOf, CrashPoint point, SwitchedProcesses processes)
{
    /// <summary>The answer to a request; null if the verb is of something else.</summary>
    public string? Answer(string verb, string rest) => verb switch
    {
        "locks" => Locks(engineOf()),
        "indoubt" => InDoubt(engineOf()),
        "silence" => Switch(rest),
        "arm" => Arm(rest.Split(' ')),
        _ => null,
    };

    private static string Locks(TransactionEngine engine) => engine.Participants.IsIdle
        ? "idle"
        : string.Join(' ', ["busy", .. engine.Participants.AtWork.Select(static one => one.Activation.Stream.Value).Distinct(StringComparer.Ordinal)]);

    private static string InDoubt(TransactionEngine engine) =>
        string.Create(CultureInfo.InvariantCulture, $"{engine.InFlightCount + engine.InHandCount + engine.Participants.InDoubtCount}");

    private string Switch(string onlySilence)
    {
        processes.OnlySilence = onlySilence == "on";
        return "switched";
    }

    private string Arm(string[] trap)
    {
        point.Arm(trap[0] == "nothing" ? null : trap[0], int.Parse(trap[1], CultureInfo.InvariantCulture), int.Parse(trap[2], CultureInfo.InvariantCulture));
        return "armed";
    }
}
