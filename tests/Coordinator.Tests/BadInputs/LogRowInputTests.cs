using Coordinator.Log;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>
/// Rows that are not what was written. One in a user's stream stops that stream; one in the shard holds what it may have decided; the rest
/// goes on. What each store makes of damage in its own tables is in the conformance suite.
/// </summary>
public sealed class LogRowInputTests
{
    /// <summary>Damage of one row, and how the fault is named.</summary>
    private static readonly Dictionary<string, (Func<LogRow, LogRow> Damage, string Fault)> Damages = new()
    {
        ["another checksum"] = (row => RowDamages.Apply(row, RowDamage.Checksum), "checksum"),
        ["a bit of the payload"] = (row => RowDamages.Apply(row, RowDamage.PayloadBit), "checksum"),
        ["another transaction"] = (row => RowDamages.Apply(row, RowDamage.Transaction), "checksum"),
        ["an unknown kind"] = (row => RowDamages.Apply(row, RowDamage.UnknownKind), "kind 99 is unknown"),
        ["a NUL in the type"] = (row => RowDamages.Apply(row, RowDamage.NulInType), "NUL"),
        ["a type of a megabyte"] = (row => Sealed(row, type: new string('x', 1 << 20)), "longer than 1024"),
        ["written in the year 300,000"] = (row => Sealed(row, writtenAt: long.MaxValue), "no year"),
        ["a version that is taken out"] = (row => Sealed(row, version: row.Version + 1), "missing"),
    };

    public static TheoryData<string> Rows => [.. Damages.Keys];

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_damaged_row_of_a_stream_stops_that_stream_only(string damage) => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.Transactions.DepositAsync("b", 2);
        await engine.DisposeAsync();
        engine.Rows.Damage(new RowKey(new("account/a"), 1), row => Damages[damage].Damage(row));
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);

        Func<Task>[] reads =
        [
            () => heir.Transactions.BalanceAsync("a"),
            () => heir.Transactions.DepositAsync("a", 1),
            () => heir.Aggregates.ReadAsync<Account>("a").AsTask(),
            () => HistoryAsync(heir, "account/a"),
        ];
        foreach (var read in reads)
        {
            Assert.Contains(Damages[damage].Fault, (await Assert.ThrowsAsync<LogCorruptException>(read)).Message, StringComparison.Ordinal);
        }

        Assert.True((await heir.Transactions.DepositAsync("b", 1)).IsCommitted);
        Assert.Equal(3, await heir.Transactions.BalanceAsync("b"));
        heir.AssertQuiet();
    });

    [Theory]
    [InlineData("another checksum")]
    [InlineData("a bit of the payload")]
    [InlineData("an unknown kind")]
    [InlineData("written in the year 300,000")]
    public void A_damaged_decision_is_held_and_never_presumed_and_work_goes_on(string damage) => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        var held = await engine.Transactions.DepositAsync("a", 1);
        var good = await engine.Transactions.DepositAsync("b", 1);
        await engine.DisposeAsync();
        var decision = (await engine.RowsOfAsync("shard/0")).Single(row => row.IsDecision && row.Transaction == held.Id);
        engine.Rows.Damage(new RowKey(decision.Stream, decision.Version), row => Damages[damage].Damage(row));
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);

        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(held.Id));
        Assert.IsNotType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(good.Id));
        Assert.True((await heir.Transactions.DepositAsync("b", 1)).IsCommitted);
        Assert.Contains(heir.Said(1106).Concat(heir.Said(1108)), said => said.Level is LogLevel.Critical);
    });

    [Fact]
    public void Members_that_a_type_does_not_know_are_no_fault() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.DisposeAsync();
        engine.Rows.Damage(new RowKey(new("account/a"), 1), row => Sealed(row, payload: "{\"other\":1}"));
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        Assert.Equal(0, await heir.Transactions.BalanceAsync("a"));
    });

    [Theory]
    [InlineData("null")]
    [InlineData("{\"amount\":\"\uD83D\uDE00\"}")]
    [InlineData("{\"amount\":1e309}")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[")]
    public void An_event_that_does_not_fit_its_type_stops_its_stream_only(string json) => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.DisposeAsync();
        engine.Rows.Damage(new RowKey(new("account/a"), 1), row => Sealed(row, payload: json));
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);

        await Assert.ThrowsAsync<EventUnreadableException>(() => heir.Transactions.BalanceAsync("a"));
        await Assert.ThrowsAsync<EventUnreadableException>(() => heir.Aggregates.ReadAsync<Account>("a").AsTask());
        await Assert.ThrowsAsync<EventUnreadableException>(() => HistoryAsync(heir, "account/a"));
        Assert.True((await heir.Transactions.DepositAsync("b", 1)).IsCommitted);
        heir.AssertQuiet();
    });

    private static async Task HistoryAsync(TestEngine engine, string stream)
    {
        await foreach (var recorded in engine.Engine.ReadStreamAsync(stream))
        {
            Assert.Equal(stream, recorded.Stream.Value);
        }
    }

    /// <summary>A copy with something else in it and a checksum that is right, as an evil or newer writer would make it.</summary>
    private static LogRow Sealed(LogRow row, string? type = null, long? writtenAt = null, long? version = null, string? payload = null)
    {
        var copy = new LogRow
        {
            Stream = row.Stream,
            Version = version ?? row.Version,
            Kind = row.Kind,
            AppendId = row.AppendId,
            Transaction = row.Transaction,
            Epoch = row.Epoch,
            Checkpoint = row.Checkpoint,
            Position = row.Position,
            Previous = row.Previous,
            Type = type ?? row.Type,
            TypeVersion = row.TypeVersion,
            WrittenAt = writtenAt ?? row.WrittenAt,
            Payload = payload is null ? row.Payload : System.Text.Encoding.UTF8.GetBytes(payload),
        };
        copy.Checksum = RowChecksum.Of(copy, 0);
        return copy;
    }
}
