namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>What the clients of a fleet do, and who judges it besides those who judge every log.</summary>
internal abstract class HostsWorkload
{
    /// <summary>The scenario that it is run as.</summary>
    public abstract string Name { get; }

    /// <summary>The blows that are done to it; all that can be done if null.</summary>
    public virtual IReadOnlyList<string>? Kinds => null;

    public abstract HostClients ClientsOf(Fleet fleet, History history);

    /// <summary>Plants faults for the judges while the clients work, and says how many.</summary>
    public abstract Task<int> TryJudgesAsync(LogServer server, History history);

    /// <summary>Judges what was done, once the clients have stopped: what is found is a violation, what can't be said a doubt.</summary>
    public virtual Task JudgeAsync(HostClients clients, History history, HostsReport report) => Task.CompletedTask;
}

/// <summary>The Shop: orders that are settled.</summary>
internal sealed class ShopWorkload(int seed) : HostsWorkload
{
    public override string Name => "shop-postgres";

    public override HostClients ClientsOf(Fleet fleet, History history) => new ShopClients(fleet, history, seed);

    public override Task<int> TryJudgesAsync(LogServer server, History history) =>
        JudgeTrial.RunAsync(server, history, [.. JudgeTrial.OfAnyLog, .. JudgeTrial.OfTheShop]);
}
