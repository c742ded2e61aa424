using System.Diagnostics;
using Coordinator.Chaos.Drivers;
using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Xunit;

namespace Coordinator.Chaos.Tests;

/// <summary>Whatever hosts do, say or leave unsaid comes to those who judge it.</summary>
public sealed class DriverTests
{
    private const string Silent = "exec cat >/dev/null"; // one process: a child that outlives the shell would hold its pipes
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly string s_id = new('1', 53);

    private readonly History _history = new();

    private sealed record Read() : Operation([], IsReadOnly: true);

    private sealed record Write() : Operation(["account/1"]);

    /// <summary>It is asked by id, and only then does it tell, and answers the first request, too.</summary>
    [Fact]
    public async Task What_was_read_by_a_transaction_that_took_long_is_known()
    {
        using var fleet = new ScriptedFleet(_history, $$"""
            while read -r verb number rest; do case $verb in
            lists) work=$number; echo "begun $work {{s_id}} .";;
            ask) echo "told {{s_id}} committed ."; echo "end $number committed ."; echo "end $work done what it read .";;
            esac; done
            """);
        using var giveUp = new CancellationTokenSource(s_patience);

        var told = await new ClientLink(fleet, giveUp.Token).AskAsync("lists", "read x", new Read());

        Assert.Equal((true, "what it read"), (told.Committed, told.Done));
        Assert.Empty(_history.Violations);
    }

    [Fact]
    public async Task A_request_that_a_living_host_never_answers_is_a_violation_and_holds_nobody_up()
    {
        using var fleet = new ScriptedFleet(_history, Silent);
        using var giveUp = new CancellationTokenSource();
        var link = new ClientLink(fleet, giveUp.Token);

        Assert.Null((await link.AskAsync("transfer", "1 2 3", new Write())).Begun);
        await giveUp.CancelAsync();
        await link.QuietAsync().WaitAsync(s_patience, TestContext.Current.CancellationToken);
        await fleet.AnsweredAsync(TimeSpan.FromMilliseconds(50));

        Assert.Contains("leaves requests without an answer", Assert.Single(_history.Violations), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_ends_by_itself_is_a_violation()
    {
        var been = Path.GetTempFileName(); // its second life is a quiet one
        using var fleet = new ScriptedFleet(_history, $"[ -s {been} ] || {{ echo here >{been}; exit 5; }}; {Silent}");

        await fleet.StartedAgain.WaitAsync(s_patience, TestContext.Current.CancellationToken);

        Assert.Equal("host 1 ended by itself with 5", Assert.Single(_history.Violations));
        File.Delete(been);
    }

    [Fact]
    public async Task A_host_that_is_killed_did_not_end_by_itself()
    {
        using var fleet = new ScriptedFleet(_history, Silent);

        fleet.Hosts[0].Signal(9);
        await fleet.StartedAgain.WaitAsync(s_patience, TestContext.Current.CancellationToken);

        Assert.Equal((1, 0), (fleet.KillCount, fleet.EndedCount));
        Assert.Empty(_history.Violations);
    }

    [Fact]
    public async Task A_host_that_is_stopped_did_not_end_by_itself()
    {
        using var fleet = new ScriptedFleet(_history, "read -r stop");

        fleet.Hosts[0].Stop();
        await fleet.StartedAgain.WaitAsync(s_patience, TestContext.Current.CancellationToken);

        Assert.Equal((0, 0), (fleet.KillCount, fleet.EndedCount));
        Assert.Empty(_history.Violations);
    }

    [Theory]
    [InlineData("crit: Coordinator[1105]", 1)]
    [InlineData("fail: Coordinator[1201]", 1)]
    [InlineData("crit: Coordinator[1104]", 0)] // displaced, as it must be
    public async Task An_alarm_of_a_broken_promise_is_a_violation(string logged, int violations)
    {
        var host = VictimHost.Start("host 1", new ProcessStartInfo("bash", ["-c", $"echo '{logged}' >&2; read -r stop"]), _history, static _ => { });
        host.Stop();
        await host.Gone.WaitAsync(s_patience, TestContext.Current.CancellationToken);

        Assert.Equal(violations, _history.Violations.Count);
    }

    [Fact]
    public async Task What_was_begun_while_nobody_could_do_anything_belongs_to_the_recovery()
    {
        using var fleet = new ScriptedFleet(_history, Silent);
        var wounds = new Wounds(_history, new Random(1), static _ => { });
        var blow = wounds.Now("the store away");
        _history.Begin(s_id, new Write());
        var measured = wounds.MeasureAsync(blow with { UpAgainAt = History.Now });
        var next = new string('2', s_id.Length);
        _history.Begin(next, new Write());
        _history.Tell(next, committed: true, fleet.Hosts[0], asked: false); // somebody serves
        Assert.False(measured.IsCompleted);

        _history.Tell(s_id, committed: false, fleet.Hosts[0], asked: false);

        Assert.Equal(s_id, Assert.Single((await measured.WaitAsync(s_patience, TestContext.Current.CancellationToken)).Blow.Open).Id);
        Assert.Empty(_history.Violations);
    }

    [Fact]
    public void What_is_told_of_a_round_that_was_judged_is_no_part_of_the_next_one()
    {
        using var fleet = new ScriptedFleet(_history, Silent);
        _history.Begin(s_id, new Write());
        _history.Tell(s_id, committed: true, fleet.Hosts[0], asked: false);
        Assert.Single(_history.Cut().Told);

        _history.Tell(s_id, committed: true, fleet.Hosts[0], asked: true);

        Assert.Empty(_history.Cut().Told);
        Assert.Empty(_history.Violations);
    }

    [Fact]
    public void The_contrary_told_of_a_round_that_was_judged_is_a_violation()
    {
        using var fleet = new ScriptedFleet(_history, Silent);
        _history.Begin(s_id, new Write());
        _history.Tell(s_id, committed: true, fleet.Hosts[0], asked: false);
        _history.Cut();

        _history.Tell(s_id, committed: false, fleet.Hosts[0], asked: true);

        Assert.Contains("the contrary had been told", Assert.Single(_history.Violations), StringComparison.Ordinal);
    }
}
