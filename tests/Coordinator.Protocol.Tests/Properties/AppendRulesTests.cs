using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>The acceptance rules against a naive store that keeps every row and looks at all of them.</summary>
public sealed class AppendRulesTests
{
    private static readonly StreamName Stream = new("account/alice");
    private static readonly TransactionId Own = new(new LogIdentity(7, 1), 0, 1, 5, 1);
    private static readonly TransactionId Other = new(new LogIdentity(7, 1), 0, 1, 5, 2);

    /// <summary>A row of the naive store: whose it is, and whether it only holds the place.</summary>
    private readonly record struct Row(TransactionId Transaction, bool IsHeld);

    private static readonly Gen<ImmutableArray<Row>> Streams =
        from length in Gen.Choose(0, 3)
        from last in Gen.Choose(0, 2)
        select Enumerable.Range(1, length)
            .Select(version => new Row(version == length && last == 1 ? Own : Other, version == length && last > 0))
            .ToImmutableArray();

    private static readonly Gen<Redo> Changes =
        from expected in Gen.Choose(-1, 4)
        from events in Gen.Choose(0, 2)
        where expected >= 0 || events > 0 // a read names the version it has read
        select new Redo(Stream, expected, LogPosition.None, [.. Enumerable.Repeat(new EventData("changed", 1, default), events)]);

    private static readonly Gen<(RedoMode Mode, Redo Redo, ImmutableArray<Row> Rows)> Cases =
        from mode in Gen.Elements(RedoMode.None, RedoMode.Write, RedoMode.Hold, RedoMode.WriteBehindHold, RedoMode.Release)
        from redo in Changes
        from rows in Streams
        select (mode, redo, rows);

    [Fact]
    public void A_redo_is_accepted_exactly_when_a_naive_store_would_take_it() => Checking.ForAll(
        Cases,
        one => AppendRules.Accepts(one.Mode, one.Redo, Own, EndOf(one.Rows)) == Takes(one.Mode, one.Redo, one.Rows),
        nameof(A_redo_is_accepted_exactly_when_a_naive_store_would_take_it));

    [Fact]
    public void The_end_after_a_redo_is_the_end_of_the_naive_store() => Checking.ForAll(
        Cases,
        one => AppendRules.After(one.Mode, one.Redo, Own, EndOf(one.Rows)) is var after
            && (BindingBatch.RowCount(one.Mode, one.Redo) == 0 || after == EndOf(one.Rows.AddRange(NewRows(one.Mode, one.Redo))))
            && (BindingBatch.RowCount(one.Mode, one.Redo) > 0 || after == EndOf(one.Rows)),
        nameof(The_end_after_a_redo_is_the_end_of_the_naive_store));

    [Fact]
    public void The_first_conflict_is_the_first_redo_that_the_naive_store_refuses() => Checking.ForAll(
        from first in Cases
        from second in Cases
        select (first, second),
        pair =>
        {
            var elsewhere = new StreamName("account/bob");
            ImmutableArray<Redo> redo = [pair.first.Redo, pair.second.Redo with { Stream = elsewhere }];
            var found = AppendRules.FirstConflict(
                pair.first.Mode, redo, Own, name => EndOf(name == Stream ? pair.first.Rows : pair.second.Rows));
            StreamName? expected = !Takes(pair.first.Mode, redo[0], pair.first.Rows) ? Stream
                : !Takes(pair.first.Mode, redo[1], pair.second.Rows) ? elsewhere
                : null;
            return found == expected;
        },
        nameof(The_first_conflict_is_the_first_redo_that_the_naive_store_refuses));

    [Fact]
    public void A_shard_row_goes_only_directly_behind_a_row_of_its_own_epoch() => Checking.ForAll(
        from end in Gen.Choose(0, 4)
        from endEpoch in Gen.Choose(0, 3)
        from version in Gen.Choose(1, 6)
        from epoch in Gen.Choose(1, 3)
        select (end, endEpoch, version, epoch),
        one => AppendRules.AcceptsShardRow(new StreamEnd(one.end, default, one.endEpoch), one.version, one.epoch)
            == (one.end + 1 == one.version && one.endEpoch == one.epoch),
        nameof(A_shard_row_goes_only_directly_behind_a_row_of_its_own_epoch));

    private static StreamEnd EndOf(ImmutableArray<Row> rows) =>
        rows.IsEmpty ? default : new StreamEnd(rows.Length, rows[^1].IsHeld ? rows[^1].Transaction : default, 0);

    private static IEnumerable<Row> NewRows(RedoMode mode, Redo redo) =>
        Enumerable.Repeat(new Row(Own, mode is RedoMode.Hold), mode is RedoMode.Hold or RedoMode.Release ? 1 : redo.Events.Length);

    /// <summary>Said the long way: one question after another, about rows and not about ends.</summary>
    private static bool Takes(RedoMode mode, Redo redo, ImmutableArray<Row> rows)
    {
        var heldByOther = rows.Any(row => row.IsHeld && row.Transaction == Other);
        var heldByOwn = rows.Any(row => row.IsHeld && row.Transaction == Own);
        if (mode is RedoMode.None)
        {
            return true;
        }

        if (redo.Events.IsEmpty)
        {
            var isBinding = mode is RedoMode.Write or RedoMode.Hold;
            return !isBinding || (rows.Length == redo.ExpectedVersion && !heldByOther && !heldByOwn);
        }

        if (redo.ExpectedVersion == Redo.AtEnd)
        {
            return mode is RedoMode.Hold or RedoMode.Release || !heldByOther;
        }

        return mode is RedoMode.Write or RedoMode.Hold
            ? rows.Length == redo.ExpectedVersion && !heldByOther
            : heldByOwn && rows.Length == redo.ExpectedVersion + 1;
    }
}
