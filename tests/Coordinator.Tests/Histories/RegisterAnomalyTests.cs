using System.Collections.Immutable;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Tests.Histories;

/// <summary>Registers: with versions that the store tells, and without.</summary>
public sealed class RegisterAnomalyTests
{
    [Theory]
    [InlineData(AnomalyKind.G0, "a committed: write x 1 @1, write y 2 @2; b committed: write x 3 @2, write y 4 @1")]
    [InlineData(AnomalyKind.G1a, "a aborted: write x 1; b committed: read x 1")]
    [InlineData(AnomalyKind.G1b, "a committed: write x 1, write x 2; b committed: read x 1")]
    [InlineData(AnomalyKind.G1c, "a committed: write x 1, read y 2; b committed: write y 2, read x 1")]
    [InlineData(AnomalyKind.GSingle, "a committed: write x 1 @1, write y 1 @1; b committed: read x 1, read y none")]
    [InlineData(AnomalyKind.GSingle, "a committed: read x none, write x 1, read y none, write y 1; b committed: read x 1, read y none")]
    [InlineData(AnomalyKind.GSingle, "a committed: write x 1 @1; b committed: read x 1 @1, write x 2 @3; c committed: write x 3 @2")]
    [InlineData(AnomalyKind.G2Item, "a committed: read x none, write y 1; b committed: read y none, write x 1")]
    [InlineData(AnomalyKind.LongFork, "a committed: write x 1 @1; b committed: write y 1 @1; c committed: read x 1, read y none; d committed: read x none, read y 1")]
    [InlineData(AnomalyKind.Internal, "a committed: write x 1, read x none")]
    [InlineData(AnomalyKind.Internal, "a committed: write x 1; b committed: write x 2; c committed: read x 1, read x 2")]
    [InlineData(AnomalyKind.DirtyUpdate, "a aborted: write x 1; b committed: read x 1, write x 2")]
    [InlineData(AnomalyKind.DirtyUpdate, "a aborted: write x 1 @1; b committed: write x 2 @2; c committed: read x 1 @1")]
    [InlineData(AnomalyKind.LostUpdate, "a committed: read x none, write x 1 @1; b committed: read x none, write x 2 @2")]
    [InlineData(AnomalyKind.IncompatibleOrder, "a committed: write x 1 @1; b committed: write x 2 @1")]
    [InlineData(AnomalyKind.IncompatibleOrder, "a committed: write x 1; b committed: read x 1 @4; c committed: read x 1 @5")]
    [InlineData(AnomalyKind.RealTimeViolation, "a committed 1 2: write x 1 @1; b committed 3 4: write x 2 @2; c committed 5 6: read x 1; d committed 7 8: read x 2")]
    [InlineData(AnomalyKind.RealTimeViolation, "a committed 1 2: read x none, write x 1; b committed 3 4: read x none")]
    [InlineData(AnomalyKind.LostEvent, "a committed 1 2: write x 1 @1; b committed 3 4: write x 2 @2; c committed 5 6: read x 1")]
    [InlineData(AnomalyKind.GhostEvent, "a committed: write x 1; b committed: read x 2")]
    public void An_anomaly_of_registers_is_found_under_its_own_name(AnomalyKind kind, string history)
    {
        var report = HistoryChecker.Check(Of(history), new HistoryCheckOptions { CommittedShareMin = 0 });

        Assert.Equal(HistoryVerdict.Invalid, report.Verdict);
        Assert.True(report.Has(kind), report.ToString());
    }

    [Theory]
    [InlineData("a committed: write x 1 @1; b committed: read x 1 @1, write x 2 @2; c committed: read x 2 @2; d committed: read x none @0")]
    [InlineData("a committed: read x none, write x 1; b committed: read x 1, write x 2; c committed: read x 1")] // between the two
    [InlineData("a committed 1 9: write x 1 @1; b committed 2 8: write x 2 @2; c committed 3 7: read x 1")] // all at once
    [InlineData("a committed: write x 1; b committed: write x 2; c committed: read x 1; d committed: read x 2; e committed: read x 1")] // no order is known
    [InlineData("a aborted: write x 1 @1; b committed: write x 2 @1; c committed: read x 2 @1")]
    public void A_history_of_registers_that_an_order_explains_is_valid(string history) => AssertValid(history);

    private static void AssertValid(string history)
    {
        var report = HistoryChecker.Check(Of(history));
        Assert.True(report.Verdict is HistoryVerdict.Valid, report.ToString());
    }

    private static ImmutableArray<RecordedTransaction> Of(string history) => HistoryText.Parse(history.Replace("; ", "\n", StringComparison.Ordinal));
}
