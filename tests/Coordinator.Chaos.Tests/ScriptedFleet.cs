using System.Diagnostics;
using Coordinator.Chaos.Drivers;
using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Tests;

/// <summary>One host that is a shell script, which says what the test is about. It reads lines as VERB, NUMBER and REST.</summary>
internal sealed class ScriptedFleet : Fleet, IDisposable
{
    private readonly string _script;
    private readonly TaskCompletionSource _startedAgain = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _starts;

    public ScriptedFleet(History history, string script)
        : base(1, history, static _ => { })
    {
        _script = script;
        Start();
    }

    /// <summary>Completes when the end of its first life was taken notice of, and the second begins.</summary>
    public Task StartedAgain => _startedAgain.Task;

    public override VictimHost Choose() => Hosts[0];

    public override void Suspect(VictimHost host)
    {
    }

    public override Task ReadyAsync() => Task.CompletedTask;

    public void Dispose() => KillAll();

    protected override ProcessStartInfo StartInfo(int place)
    {
        if (++_starts == 2)
        {
            _startedAgain.TrySetResult();
        }

        return new ProcessStartInfo("bash", ["-c", _script]);
    }
}
