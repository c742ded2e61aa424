using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Testing.Logs;

/// <content>D-7: behind a Held row writes only the transaction that holds.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> HeldCases =>
    [
        new("A foreign write behind a Held row is refused", fixture => BehindHeldAsync(fixture, own: false, RowKind.Event, mustBeHeld: false, GroupAnswerKind.CheckFailed)),
        new("The holder's write behind its Held row lands", fixture => BehindHeldAsync(fixture, own: true, RowKind.Event, mustBeHeld: true, GroupAnswerKind.Landed)),
        new("The holder may release what it holds", fixture => BehindHeldAsync(fixture, own: true, RowKind.Released, mustBeHeld: true, GroupAnswerKind.Landed)),
        new("A foreign release is refused", fixture => BehindHeldAsync(fixture, own: false, RowKind.Released, mustBeHeld: true, GroupAnswerKind.CheckFailed)),
        new("A write that must find its Held row is refused without one", MustBeHeld),
        new("A validated read of a held stream fails, even for the holder", ReadOfHeldFails),
        new("After Released anyone may write", AfterReleasedAnyoneWrites),
        new("After the holder's rows anyone may write", AfterHoldersRowsAnyoneWrites),
        new("A Held row can't be put behind another's", SecondHoldIsRefused),
        new("An inspection names the holder", InspectionNamesTheHolder),
    ];

    private static async Task BehindHeldAsync(
        ILogStoreFixture fixture, bool own, RowKind kind, bool mustBeHeld, GroupAnswerKind expected)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var holder = await HoldAsync(log);
        var group = log.Group(own ? holder : log.NewTransaction(), new StreamWrite("a", 2) { Kind = kind, MustBeHeld = mustBeHeld });
        Expect.Answer(expected, await log.AppendAsync(group), "behind a Held row");
        Expect.Equal(expected is GroupAnswerKind.Landed ? 3 : 2, (await log.ReadAsync("a")).Length, "rows of the stream");
    }

    private static async Task MustBeHeld(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        var group = log.Group(new StreamWrite("a", 1) { MustBeHeld = true });
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "a write whose Held row is missing");
    }

    private static async Task ReadOfHeldFails(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var holder = await HoldAsync(log);
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(log.Group(new StreamWrite("a", 2, 0))), "a foreign read");
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(log.Group(holder, new StreamWrite("a", 2, 0))), "the holder's read");
    }

    private static async Task AfterReleasedAnyoneWrites(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var holder = await HoldAsync(log);
        var release = log.Group(holder, new StreamWrite("a", 2) { Kind = RowKind.Released, MustBeHeld = true });
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(release), "the release");
        await log.CommitAsync(new StreamWrite("a", 3));
    }

    private static async Task AfterHoldersRowsAnyoneWrites(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var holder = await HoldAsync(log);
        var redo = log.Group(holder, new StreamWrite("a", 2, 2) { MustBeHeld = true });
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(redo), "the holder's redo");
        await log.CommitAsync(new StreamWrite("a", 4));
    }

    private static async Task SecondHoldIsRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await HoldAsync(log);
        var group = log.Group(new StreamWrite("a", 2) { Kind = RowKind.Held });
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "a second hold");
    }

    private static async Task InspectionNamesTheHolder(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var holder = await HoldAsync(log);
        var found = await log.Store.InspectAsync([new RowKey(new StreamName("a"), 1)], CancellationToken.None);
        Expect.Equal(holder, found[0].End.HeldBy, "the holder");
        Expect.Equal(2L, found[0].End.Version, "the end");
        Expect.Equal(RowKind.Event, found[0].Kind, "the kind of the row asked about");
    }

    /// <summary>A stream with one event, held at version 2.</summary>
    private static async Task<TransactionId> HoldAsync(TestLog log)
    {
        await log.CommitAsync(new StreamWrite("a", 0));
        var holder = log.NewTransaction();
        var group = log.Group(holder, new StreamWrite("a", 1) { Kind = RowKind.Held });
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), "the hold");
        return holder;
    }
}
