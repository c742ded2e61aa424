using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Tests.Histories;

/// <summary>A checker that never fails proves nothing: each anomaly, planted in a history by hand, is found under its own name.</summary>
public sealed class PlantedAnomalyTests
{
    [Fact]
    public void Two_that_overwrote_each_other_are_a_G0() => Finds(
        AnomalyKind.G0,
        """
        a committed: append x 1, append y 1
        b committed: append x 2, append y 2
        c committed: read x [1 2], read y [2 1]
        """,
        "T1 < T2 (ww): T1 wrote 1 to x, and T2 wrote 2 behind it",
        "T2 < T1 (ww): T2 wrote 2 to y, and T1 wrote 1 behind it");

    [Fact]
    public void A_read_of_what_was_aborted_is_a_G1a() => Finds(
        AnomalyKind.G1a,
        """
        a aborted: append x 1
        b committed: read x [1]
        """,
        "T1 wrote 1 to x and aborted, and T2 read it");

    [Fact]
    public void A_read_of_what_was_still_being_written_is_a_G1b() => Finds(
        AnomalyKind.G1b,
        """
        a committed: append x 1, append x 2
        b committed: read x [1]
        """,
        "T1 wrote 1 to x and wrote to it again, and T2 read what was in between");

    [Fact]
    public void Two_that_saw_each_other_are_a_G1c() => Finds(
        AnomalyKind.G1c,
        """
        a committed: append x 1, read y [1]
        b committed: append y 1, read x [1]
        """,
        "T1 < T2 (wr): T1 wrote 1 to x, and T2 read it",
        "T2 < T1 (wr): T2 wrote 1 to y, and T1 read it");

    [Fact]
    public void A_read_of_half_a_transaction_is_a_G_single() => Finds(
        AnomalyKind.GSingle,
        """
        a committed: append x 1, append y 1
        b committed: read x [1], read y []
        c committed: read y [1]
        """,
        "T2 < T1 (rw): T2 read y before anything was in it, and T1 wrote 1 to it",
        "T1 < T2 (wr): T1 wrote 1 to x, and T2 read it");

    [Fact]
    public void Two_that_each_missed_what_the_other_wrote_are_a_G2_item() => Finds(
        AnomalyKind.G2Item,
        """
        a committed: read x [], append y 1
        b committed: read y [], append x 1
        """,
        "T1 < T2 (rw): T1 read x before anything was in it, and T2 wrote 1 to it",
        "T2 < T1 (rw): T2 read y before anything was in it, and T1 wrote 1 to it");

    [Fact]
    public void Two_writes_seen_in_opposite_orders_are_a_long_fork() => Finds(
        AnomalyKind.LongFork,
        """
        a committed: append x 1
        b committed: append y 1
        c committed: read x [1], read y []
        d committed: read x [], read y [1]
        """,
        "T1 < T3 (wr): T1 wrote 1 to x, and T3 read it",
        "T3 < T2 (rw): T3 read y before anything was in it, and T2 wrote 1 to it",
        "T2 < T4 (wr): T2 wrote 1 to y, and T4 read it",
        "T4 < T1 (rw): T4 read x before anything was in it, and T1 wrote 1 to it");

    [Fact]
    public void Two_that_wrote_on_top_of_one_version_lost_an_update() => Finds(
        AnomalyKind.LostUpdate,
        """
        a committed: write x 1
        b committed: read x 1, write x 2
        c committed: read x 1, write x 3
        """,
        "T2 and T3 both read x at 1 and wrote on top of it");

    [Fact]
    public void An_append_that_took_effect_twice_is_a_duplicate_append() => Finds(
        AnomalyKind.DuplicateAppend,
        """
        a committed: append x 1
        b committed: append x 2
        c committed: read x [1 2 1]
        """,
        "T3 read 1 twice in x");

    [Fact]
    public void A_transaction_that_does_not_see_its_own_append_is_internal() => Finds(
        AnomalyKind.Internal,
        """
        a committed: append x 1
        b committed: read x [1], append x 2, read x [1]
        """,
        "T2 has 'read x [1]', and what it did before calls for read x [1 2]");

    [Fact]
    public void A_commit_on_top_of_what_was_aborted_is_a_dirty_update() => Finds(
        AnomalyKind.DirtyUpdate,
        """
        a aborted: append x 1
        b committed: append x 2
        c committed: read x [1 2]
        """,
        "T1 appended to x and aborted, and T2 committed with 2 behind that");

    [Fact]
    public void A_stale_read_is_a_real_time_violation() => Finds(
        AnomalyKind.RealTimeViolation,
        """
        a committed 10 20: append x 1
        b committed 30 40: read x []
        c committed 50 60: read x [1]
        """,
        "T2 < T1 (rw): T2 read x before anything was in it, and T1 wrote 1 to it",
        "T1 < T2 (real time): T1 was over at 20, before T2 began at 30");

    [Fact]
    public void An_acknowledged_append_that_the_last_read_does_not_show_is_a_lost_event() => Finds(
        AnomalyKind.LostEvent,
        """
        a committed 10 20: append x 1
        b committed 10 20: append x 2
        c committed 30 40: read x [2]
        """,
        "T1 was told that it committed with 1 in x, and T3, the last to read that, does not show it");

    [Fact]
    public void An_element_that_nobody_wrote_is_a_ghost_event() => Finds(
        AnomalyKind.GhostEvent,
        """
        a committed: append x 1
        b committed: read x [1 7]
        """,
        "T2 read 7 in x, and nobody wrote it");

    [Fact]
    public void Reads_of_a_list_that_disagree_are_of_an_incompatible_order() => Finds(
        AnomalyKind.IncompatibleOrder,
        """
        a committed: append x 1
        b committed: append x 2
        c committed: read x [1 2]
        d committed: read x [2]
        """,
        "T3 and T4 read x, and neither result is how the other begins");

    [Fact]
    public void A_client_that_does_not_see_what_it_did_itself_is_a_process_violation() => Finds(
        AnomalyKind.ProcessViolation,
        """
        a committed: append x 1
        a committed: read x []
        """,
        "T2 < T1 (rw): T2 read x before anything was in it, and T1 wrote 1 to it",
        "T1 < T2 (process): T1 was over before T2 began, and both are of a");

    /// <summary>Only what a kind takes with it may be found beside it: an aborted write under a committed one must have been read.</summary>
    private static void Finds(AnomalyKind kind, string history, params string[] reasons)
    {
        var transactions = HistoryText.Parse(history);

        var report = HistoryChecker.Check(transactions);

        Assert.Equal(HistoryVerdict.Invalid, report.Verdict);
        var found = Assert.Single(report.Anomalies, anomaly => anomaly.Kind == kind);
        Assert.Equal(reasons.Order(StringComparer.Ordinal), found.Witness.TakeLast(reasons.Length).Order(StringComparer.Ordinal));
        Assert.Equal(found.Transactions.Length + reasons.Length, found.Witness.Length);
        AnomalyKind[] companions = kind is AnomalyKind.DirtyUpdate ? [kind, AnomalyKind.G1a] : [kind];
        Assert.Empty(report.Anomalies.Select(anomaly => anomaly.Kind).Except(companions));
    }
}
