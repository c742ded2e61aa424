using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Testing.Logs;

/// <content>Opening: one identity for ever, everything kept, nothing newer than the software.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> OpeningCases =>
    [
        new("A new log takes the proposed identity", NewLogTakesProposal),
        new("The meta row is created once", MetaIsCreatedOnce),
        new("A second open with another proposal keeps the first", SecondProposalIsIgnored),
        new("Opening again keeps all rows", ReopeningKeepsAll),
        new("Opening again keeps Held rows and epochs in force", ReopeningKeepsRules),
        new("A log of a newer format is refused", NewerFormatIsRefused),
        new("A damaged meta row is refused", DamagedMetaIsRefused),
        new("A cancelled open is cancelled", CancelledOpen),
    ];

    private static async Task NewLogTakesProposal(ILogStoreFixture fixture)
    {
        await using var store = fixture.Create();
        Expect.Equal(TestLog.Meta, (await store.OpenAsync(TestLog.Meta, CancellationToken.None)).Meta, "the log");
        Expect.True(store.Description.Length > 0, "a store says what it is");
    }

    private static async Task MetaIsCreatedOnce(ILogStoreFixture fixture)
    {
        for (var i = 0; i < 3; i++)
        {
            await using var store = await ReopenAsync(fixture);
            var rows = await store.ReadAsync(LogStreams.Meta, 1, 10, CancellationToken.None);
            Expect.Equal(1, rows.Length, "meta rows");
            Expect.Equal(RowKind.LogCreated, rows[0].Kind, "its kind");
        }
    }

    private static async Task SecondProposalIsIgnored(ILogStoreFixture fixture)
    {
        await using (await ReopenAsync(fixture))
        {
        }

        await using var store = fixture.Create();
        var other = new LogMeta(new LogIdentity(42, 9), 16, LogMeta.CurrentFormatVersion);
        Expect.Equal(TestLog.Meta, (await store.OpenAsync(other, CancellationToken.None)).Meta, "the log");
    }

    private static async Task ReopeningKeepsAll(ILogStoreFixture fixture)
    {
        RowGroup group;
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            group = await log.CommitAsync(new StreamWrite("a", 0, 3), new StreamWrite("b", 0));
        }

        await using var store = await ReopenAsync(fixture);
        foreach (var row in group.Rows)
        {
            SameRow(row, (await store.ReadAsync(row.Stream, row.Version, 1, CancellationToken.None))[0]);
        }

        var decision = await store.FindDecisionAsync(group.Rows[0].Transaction, CancellationToken.None);
        Expect.Equal(2L, decision?.Version, "the decision");
    }

    private static async Task ReopeningKeepsRules(ILogStoreFixture fixture)
    {
        TransactionId holder;
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            holder = await HoldAsync(log);
        }

        await using var next = await TestLog.OpenAsync(fixture, writer: 88);
        Expect.Equal(4L, next.Epoch, "the next epoch is the version of its claim");
        Expect.Answer(GroupAnswerKind.CheckFailed, await next.AppendAsync(next.Group(new StreamWrite("a", 2))), "a foreign write");
        var own = next.Group(holder, new StreamWrite("a", 2) { MustBeHeld = true });
        Expect.Answer(GroupAnswerKind.Landed, await next.AppendAsync(own), "the holder's write");
    }

    private static async Task NewerFormatIsRefused(ILogStoreFixture fixture)
    {
        await using (await ReopenAsync(fixture))
        {
        }

        await fixture.DamageAsync(new RowKey(LogStreams.Meta, 1), RowDamage.NewerFormat);
        await using var store = fixture.Create();
        var error = await Expect.ThrowsAsync<LogStoreException>(
            async () => await store.OpenAsync(TestLog.Meta, CancellationToken.None), "opening it");
        Expect.True(error.Message.Contains("format", StringComparison.Ordinal), "the message speaks of the format");
    }

    private static async Task DamagedMetaIsRefused(ILogStoreFixture fixture)
    {
        await using (await ReopenAsync(fixture))
        {
        }

        await fixture.DamageAsync(new RowKey(LogStreams.Meta, 1), RowDamage.PayloadBit);
        await using var store = fixture.Create();
        await Expect.ThrowsAsync<LogCorruptException>(
            async () => await store.OpenAsync(TestLog.Meta, CancellationToken.None), "opening it");
    }

    private static async Task CancelledOpen(ILogStoreFixture fixture)
    {
        await using var store = fixture.Create();
        await Expect.ThrowsAsync<OperationCanceledException>(
            async () => await store.OpenAsync(TestLog.Meta, new CancellationToken(canceled: true)), "opening");
    }
}
