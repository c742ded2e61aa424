using System.Globalization;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Coordinator.Orleans.Tests;

/// <summary>Each version says what it added, so that the history shows whether one was lost.</summary>
[GenerateSerializer]
[EventType("test.ledger")]
public sealed class LedgerState
{
    [Id(0)]
    public long Sum { get; set; }

    [Id(1)]
    public long Added { get; set; }
}

[Alias("test.ledgers")]
public interface ILedger : IGrainWithStringKey
{
    [Alias("Add")]
    Task Add(long amount);
}

[Reentrant]
[KeyPlacement]
public sealed class Ledger([TransactionalState("sum")] ITransactionalState<LedgerState> state) : Grain, ILedger
{
    public Task Add(long amount) => state.UpdateAsync(value => (value.Sum, value.Added) = (value.Sum + amount, amount));
}

/// <summary>Places grains on the silo whose port their key begins with; anywhere if there is none.</summary>
[Serializable]
[GenerateSerializer]
public sealed class KeyPlacement : PlacementStrategy;

[AttributeUsage(AttributeTargets.Class)]
public sealed class KeyPlacementAttribute() : PlacementAttribute(new KeyPlacement());

public sealed class KeyPlacementDirector : IPlacementDirector
{
    /// <summary>The key of a grain on the silo that listens on the port.</summary>
    public static string Key(int port, int number) => string.Create(CultureInfo.InvariantCulture, $"{port}-{number}");

    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var silos = context.GetCompatibleSilos(target);
        var port = int.Parse(target.GrainIdentity.Key.ToString()!.Split('-')[0], CultureInfo.InvariantCulture);
        return Task.FromResult(silos.FirstOrDefault(silo => silo.Endpoint.Port == port) ?? silos[0]);
    }
}
