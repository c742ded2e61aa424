using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>One bad input: what is given, which exception says no, and what it says.</summary>
/// <param name="Error">The exception; a subclass will do.</param>
/// <param name="Says">Part of its message: what is wrong, or what to do.</param>
/// <param name="Give">Gives it.</param>
internal sealed record BadInput(Type Error, string Says, Func<TestEngine, Task> Give)
{
    /// <summary>Work that is run as one transaction.</summary>
    public static BadInput Work<TError>(string says, Func<ITransaction, Task> work)
        where TError : Exception => new(typeof(TError), says, engine => engine.Transactions.RunAsync(work));

    /// <summary>Any call.</summary>
    public static BadInput Call<TError>(string says, Func<TestEngine, Task> call)
        where TError : Exception => new(typeof(TError), says, call);

    /// <summary>A call that answers at once.</summary>
    public static BadInput Call<TError>(string says, Action<TestEngine> call)
        where TError : Exception => new(typeof(TError), says, engine =>
    {
        call(engine);
        return Task.CompletedTask;
    });
}

/// <summary>The bad inputs of one surface by name. Each is refused as it says, and leaves no row, no lock and no transaction behind.</summary>
internal sealed class BadInputTable : Dictionary<string, BadInput>
{
    public BadInputTable()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>The event types of the engine that they are given to.</summary>
    public Func<EventTypes> Events { get; init; } = TestEngine.EventTypes;

    /// <summary>The names, for a theory.</summary>
    public TheoryData<string> Names => [.. Keys];

    /// <summary>Gives one of them to an engine that has a committed transaction behind it.</summary>
    public void Refuse(string name) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.ParticipantsMax = 4, events: Events());
        await engine.Transactions.DepositAsync("known", 1);
        var sent = engine.Store.Sent.Count;

        var (type, says, give) = this[name];
        var error = await Assert.ThrowsAnyAsync<Exception>(() => give(engine));

        Assert.IsAssignableFrom(type, error);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Equal(sent, engine.Store.Sent.Count);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("known"));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });
}
