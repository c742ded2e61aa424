using Microsoft.Extensions.Hosting;
using Orleans.Concurrency;

namespace Coordinator.Orleans.Tests.Snippets;

/// <summary>Code of docs/orleans.md and docs/from-orleans-transactions.md, compiled.</summary>
internal static class OrleansSnippets
{
    public static void Silo(IHostApplicationBuilder builder, string connectionString)
    {
        #region orleans-silo
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering();
            silo.AddCoordinator(options => options.TransactionTimeout = TimeSpan.FromSeconds(10))
                .AddEventsFrom(typeof(Wallet).Assembly)   // types with [EventType]
                .UsePostgreSql(connectionString);         // or UseInMemoryLog() for a trial of one silo
        });
        #endregion
    }

    public static void Snapshots(ISiloBuilder silo, string connectionString)
    {
        #region orleans-snapshots
        silo.AddMemoryGrainStorage("snapshots");          // or AddAdoNetGrainStorage, or any other
        silo.AddCoordinator()
            .AddSnapshots<Savings>("savings", version: 1, every: 100)
            .UsePostgreSql(connectionString)
            .UseGrainStorageForSnapshots("snapshots");
        #endregion
    }

    public static async Task ServiceAsync(ITransactions transactions, IGrainFactory grains)
    {
        #region orleans-run
        var outcome = await transactions.RunAsync(async transaction =>
        {
            await Task.WhenAll(
                grains.GetGrain<IWalletGrain>("ann").Add(-10),
                grains.GetGrain<IWalletGrain>("ben").Add(10));
            await transaction.PublishAsync("payments", new PaymentMade("ann", "ben", 10));
        });
        #endregion
        outcome.EnsureCommitted();
    }

    public static async Task ClientAsync(HostApplicationBuilder builder, IGrainFactory grains, ITransactions transactions)
    {
        #region orleans-client
        builder.UseOrleansClient(client => client.UseLocalhostClustering().AddCoordinatorClient());
        #endregion
        #region orleans-ask
        var outcome = await transactions.RunAsync(_ => grains.GetGrain<IWalletGrain>("ann").Add(10));
        if (outcome is TransactionOutcome.Unknown)
        {
            var asked = grains.GetGrain<ITransactionGrain>(outcome.Id.ToString());
            outcome = await asked.Outcome();             // on any silo, now or next week
            Console.WriteLine(await asked.Explain());    // who coordinates it, and what is known
        }
        #endregion
    }
}

#region orleans-state
[GenerateSerializer]
[EventType("wallet")]                                     // its name in the log, whatever the class is called
public sealed class Wallet
{
    [Id(0)]
    public long Balance { get; set; }
}

[Alias("wallet")]
public interface IWalletGrain : IGrainWithStringKey
{
    [Alias("Add")]
    Task Add(long amount);
}

[Reentrant]
public sealed class WalletGrain([TransactionalState("wallet")] ITransactionalState<Wallet> wallet) : Grain, IWalletGrain
{
    public Task Add(long amount) => wallet.UpdateAsync(state =>
    {
        if (state.Balance + amount < 0)
        {
            throw new InvalidOperationException("too little in it"); // the transaction is aborted, and its initiator is told this
        }

        state.Balance += amount;
    });
}
#endregion

#region orleans-aggregate
public sealed record Savings(long Balance) : IAggregate<Savings>
{
    public static string Category => "savings";           // its events are the stream savings/{grain key}

    public static Savings Initial { get; } = new(0);

    public Savings Apply(object @event) => @event is Saved saved ? new Savings(Balance + saved.Amount) : this;
}

[EventType("saved")]
public sealed record Saved(long Amount);

[Reentrant]
public sealed class SavingsGrain([AggregateState] IAggregateState<Savings> savings) : Grain, ISavingsGrain
{
    public async Task Save(long amount) => (await savings.UpdateAsync()).Raise(new Saved(amount));
}
#endregion

internal sealed class Watching(Func<Task> watchAsync)
{
    private Task? _watch;

    public Task? Start()
    {
        #region orleans-suppress
        using (TransactionFlow.Suppress())
        {
            _watch ??= WatchAsync(); // no part of the transaction in hand: goes on by itself, and begins its own with RunAsync
        }
        #endregion
        return _watch;
    }

    private Task WatchAsync() => watchAsync();
}

[Alias("savings")]
public interface ISavingsGrain : IGrainWithStringKey
{
    [Alias("Save")]
    Task Save(long amount);
}

[EventType("payment.made")]
public sealed record PaymentMade(string From, string To, long Amount);

[Alias("teller")]
public interface ITellerGrain : IGrainWithIntegerKey
{
    [Alias("Transfer")]
    Task Transfer(string from, string to, long amount);
}

#region orleans-teller
[StatelessWorker]
[Reentrant]
public sealed class TellerGrain(ITransactions transactions) : Grain, ITellerGrain
{
    public async Task Transfer(string from, string to, long amount)
    {
        var outcome = await transactions.RunAsync(_ => Task.WhenAll(
            GrainFactory.GetGrain<IWalletGrain>(from).Add(-amount),
            GrainFactory.GetGrain<IWalletGrain>(to).Add(amount)));
        outcome.EnsureCommitted();
    }
}
#endregion
