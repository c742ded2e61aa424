using Coordinator.Chaos.Drivers.Postgres;
using Coordinator.Testing.Postgres;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Faults of the server that keeps the log.</summary>
internal sealed class ServerFaults(LogServer server, Wounds wounds)
{
    private const string Cut = "connections cut", Full = "disk full";
    private static readonly TimeSpan s_fullTime = TimeSpan.FromSeconds(2);

    /// <param name="skipped">Takes what can't be done here, and why.</param>
    public IEnumerable<Fault> All(List<string> skipped)
    {
        yield return new Fault(Cut, CutAsync) { IsCore = true };
        if (server.MayBeKilled)
        {
            yield return new Fault("server restarted", () => StopAsync("server restarted", PostgreSqlStop.Fast));
            yield return new Fault("server stopped at once", () => StopAsync("server stopped at once", PostgreSqlStop.Immediate));
            yield return new Fault("server killed", () => StopAsync("server killed", PostgreSqlStop.Kill)) { IsCore = true };
        }
        else
        {
            skipped.Add("server restarted, stopped at once, killed: COORDINATOR_TEST_POSTGRES names a server that others use too");
        }

        if (server.WhyNeverFull is null)
        {
            yield return new Fault(Full, FillAsync) { IsCore = true, HealAsync = () => server.FillAsync(false) };
        }
        else
        {
            skipped.Add($"{Full}: {server.WhyNeverFull}");
        }
    }

    private async Task CutAsync()
    {
        var blow = wounds.Now(Cut);
        if (await server.CutAsync() < 2)
        {
            wounds.History.Violated("there were fewer sessions to cut than hosts");
        }

        await wounds.MeasureAsync(blow);
    }

    private async Task StopAsync(string kind, PostgreSqlStop how)
    {
        var blow = wounds.Now(kind);
        await server.StopAsync(how);
        await server.StartAgainAsync();
        await wounds.MeasureAsync(blow with { UpAgainAt = History.Now });
    }

    /// <summary>No table can grow for a while (L04).</summary>
    private async Task FillAsync()
    {
        var blow = wounds.Now(Full);
        await server.FillAsync(true);
        await Task.Delay(s_fullTime);
        await server.FillAsync(false);
        await wounds.MeasureAsync(blow with { UpAgainAt = History.Now });
    }
}
