using Coordinator.Orleans.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Configuration;
using Orleans.Serialization;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>A silo with a grain class whose state could not work does not start, and says what to change.</summary>
public sealed class GrainClassValidatorTests
{
    [Theory]
    [InlineData(typeof(NotReentrant), "put [Reentrant] on the class")]
    [InlineData(typeof(ManyActivations), "a [StatelessWorker] has many activations")]
    [InlineData(typeof(TwoOfOneName), "two of its states are named 'a'")]
    [InlineData(typeof(AggregateTwice), "it takes Coordinator.IAggregateState`1[Coordinator.Orleans.Tests.Counter] twice")]
    [InlineData(typeof(BadName), "'a.b' is no name of a state")]
    [InlineData(typeof(OtherParameter), "parameter 'state' must be of type ITransactionalState<T>")]
    [InlineData(typeof(NoEventName), "put [EventType(\"name\")] on it")]
    [InlineData(typeof(NotCopied), "put [GenerateSerializer] on the type")]
    [InlineData(typeof(NeverCopied), "take [Immutable] from the type")]
    [InlineData(typeof(Mixed), "it also uses the transactions of Orleans")]
    [InlineData(typeof(MixedByMethod), "it also uses the transactions of Orleans")]
    public void What_could_not_work_is_told(Type grain, string told)
    {
        var error = Assert.Throws<OrleansConfigurationException>(() => Validate(grain));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.Contains(grain.FullName!, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_classes_over_one_aggregate_are_told()
    {
        var error = Assert.Throws<OrleansConfigurationException>(() => Validate(typeof(CounterGrain), typeof(Account), typeof(OtherCounter)));
        Assert.Contains("let one class have it, and the others call that", error.Message, StringComparison.Ordinal);
        Assert.Contains(typeof(CounterGrain).FullName!, error.Message, StringComparison.Ordinal);
        Assert.Contains(typeof(OtherCounter).FullName!, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(typeof(Account).FullName!, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_works_is_let_through() => Validate(typeof(Account), typeof(CounterGrain), typeof(Transfers), typeof(TwoConstructors));

    private static void Validate(params Type[] grains)
    {
        var services = new ServiceCollection().AddSerializer();
        services.AddLogging().AddCoordinator().AddEventsFrom(typeof(Balance).Assembly);
        using var provider = services.BuildServiceProvider();
        var options = new GrainTypeOptions();
        options.Classes.UnionWith(grains);
        new GrainClassValidator(Options.Create(options), provider).ValidateConfiguration();
    }

    private sealed class NotReentrant([TransactionalState("a")] ITransactionalState<Balance> state)
    {
        public object State => state;
    }

    [Reentrant]
    [StatelessWorker]
    private sealed class ManyActivations([TransactionalState("a")] ITransactionalState<Balance> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class TwoOfOneName([TransactionalState("a")] ITransactionalState<Balance> state, [TransactionalState("a")] ITransactionalState<Balance> other)
    {
        public object State => (state, other);
    }

    [Reentrant]
    private sealed class AggregateTwice([AggregateState] IAggregateState<Counter> state, [AggregateState] IAggregateState<Counter> other)
    {
        public object State => (state, other);
    }

    [Reentrant]
    private sealed class BadName([TransactionalState("a.b")] ITransactionalState<Balance> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class OtherParameter([TransactionalState("a")] IAggregateState<Counter> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class NoEventName([TransactionalState("a")] ITransactionalState<Nameless> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class NotCopied([TransactionalState("a")] ITransactionalState<Uncopied> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class NeverCopied([TransactionalState("a")] ITransactionalState<Frozen> state)
    {
        public object State => state;
    }

    [Reentrant]
    private sealed class OtherCounter([AggregateState] IAggregateState<Counter> state)
    {
        public object State => state;
    }

    /// <summary>Of which Orleans calls the first.</summary>
    [Reentrant]
    private sealed class TwoConstructors([TransactionalState("a")] ITransactionalState<Balance> state, TimeProvider time)
    {
        public TwoConstructors([TransactionalState("a")] ITransactionalState<Balance> state)
            : this(state, TimeProvider.System)
        {
        }

        public object State => (state, time);
    }

    private interface IByMethod
    {
        [global::Orleans.Transaction]
        Task Do();
    }

    [Reentrant]
    private sealed class MixedByMethod([TransactionalState("a")] ITransactionalState<Balance> state) : IByMethod
    {
        public Task Do() => state.ReadAsync(static value => value.Value);
    }

    [Reentrant]
    private sealed class Mixed([TransactionalState("a")] ITransactionalState<Balance> state, [global::Orleans.Transactions.Abstractions.TransactionalState] object other)
    {
        public object State => (state, other);
    }

    [GenerateSerializer]
    public sealed class Nameless;

    [GenerateSerializer]
    [Immutable]
    [EventType("test.frozen")]
    public sealed class Frozen
    {
        [Id(0)]
        public long Value { get; set; }
    }

    [EventType("test.uncopied")]
    public sealed class Uncopied
    {
        public int Number { get; set; }
    }
}
