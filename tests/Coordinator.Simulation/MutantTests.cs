using Coordinator.Log;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Simulation;

/// <summary>A checker that never fails proves nothing: each planted bug must be found, by the promise that it breaks.</summary>
public sealed class MutantTests(ITestOutputHelper output)
{
    private const int SeedsMax = 1_000;
    private const int FrozenSeedsMax = 60;
    private const int ClusterSeedsMax = 300;

    [Fact]
    public void A_lost_group_said_to_have_landed_is_found() => Finds(() => new LostSaidLanded(), "I2", "I6");

    [Fact]
    public void A_landed_group_said_to_have_failed_its_checks_is_found() =>
        Finds(() => new AnswerReplaced(GroupAnswerKind.Landed, GroupAnswerKind.CheckFailed, 0.05), "I6", "I8", "I1", "alarm");

    [Fact]
    public void An_unclear_group_said_to_be_rolled_back_is_found() =>
        Finds(() => new AnswerReplaced(GroupAnswerKind.Unclear, GroupAnswerKind.TryAgain, 1), "I6", "I1", "I8", "V1"); // V1: its own row looks foreign to it

    [Fact]
    public void An_unclear_group_said_to_be_refused_is_found() =>
        Finds(() => new AnswerReplaced(GroupAnswerKind.Unclear, GroupAnswerKind.Refused, 1), "I6", "I1", "I8");

    [Fact]
    public void An_unclear_group_said_to_have_landed_is_found() =>
        Finds(() => new AnswerReplaced(GroupAnswerKind.Unclear, GroupAnswerKind.Landed, 1), "I6", "I2");

    [Fact]
    public void Two_owners_that_both_append_are_found() => Finds(() => new EpochIgnored(), "I1", "I8", "I6", "I19", "I18");

    [Fact]
    public void A_lost_acknowledged_group_is_found() => Finds(() => new AcknowledgedRowsVanish(), "I4", "I7", "alarm");

    [Fact]
    public void A_commit_told_before_it_is_durable_is_found() => Finds(() => new CommitBeforeDurable(), "I2");

    [Fact]
    public void A_participant_told_otherwise_than_the_others_is_found() => Finds(() => new AbortToOne(), "I1");

    [Fact]
    public void A_participant_that_lost_its_work_and_votes_read_only_is_found() => Finds(() => new LostWorkVotesReadOnly(), "I11", "I18");

    [Fact]
    public void A_batch_that_does_not_say_what_it_rests_on_is_found() => Finds(() => new DependencyForgotten(), "D-10");

    [Fact]
    public void A_read_of_what_is_not_durable_that_is_told_is_found() => Finds(() => new ReadOfUndurableTold(), "I19");

    /// <summary>Not by one seed in a thousand, as where owners freeze by chance.</summary>
    [Fact]
    public void Reads_that_are_told_by_a_displaced_owner_are_found_soon() => Finds(
        () => new ReadsNotChecked(),
        violation => violation.Promise == "I19",
        Seeds.Where(FaultPlan.IsFrozen).Take(FrozenSeedsMax));

    [Fact]
    public void A_decision_that_is_not_found_is_found() => Finds(() => new DecisionNotFound(), "I8");

    [Fact]
    public void Reads_of_a_lagging_replica_are_found() => Finds(() => new ReadsLag(), "I18", "I19");

    [Fact]
    public void A_row_in_the_way_of_a_fence_that_is_believed_unread_is_found() => Finds(() => new RowInTheWayBelieved(), "I2", "I6", "V1-V3", "I11");

    [Fact]
    public void Keys_that_are_not_written_with_the_commit_are_found() => Finds(() => new KeysNotWritten(), "keys");

    [Fact]
    public void Keys_that_are_not_read_are_found_by_what_their_clients_are_told() =>
        Finds(() => new KeysNotRead(), violation => violation.Promise == "keys" && violation.What.Contains("sent after", StringComparison.Ordinal));

    [Fact]
    public void Rows_that_are_removed_above_the_horizon_are_found() => Finds(() => new RemovesTooMuch(), "D-5");

    [Fact]
    public void Rows_that_are_removed_before_the_horizon_is_durable_are_found() => Finds(() => new RemovesTooEarly(), "D-5");

    [Fact]
    public void A_snapshot_of_another_state_is_found() => Finds(() => new SnapshotOfAnotherState(), "I18", "I19", "reads");

    [Fact]
    public void A_snapshot_of_a_row_that_the_log_never_had_is_an_alarm() => Finds(() => new SnapshotOfAnotherLog(), "alarm");

    /// <summary>Two of them once more, by nothing but what the clients saw.</summary>
    [Fact]
    public void A_participant_that_lost_its_work_shows_as_a_lost_update() => Finds(() => new LostWorkVotesReadOnly(), InHistory(AnomalyKind.LostUpdate));

    [Fact]
    public void Reads_of_a_lagging_replica_show_in_what_the_clients_saw() =>
        Finds(() => new ReadsLag(), InHistory(AnomalyKind.GSingle, AnomalyKind.RealTimeViolation));

    [Fact]
    public void Reads_that_are_not_checked_against_the_heads_are_found() => FindsInCluster(() => new HeadsNotChecked(), "I19");

    [Fact]
    public void Reads_that_are_not_locked_are_found() => FindsInCluster(() => new ReadsNotLocked(), "I19");

    [Fact]
    public void A_lock_that_is_handed_on_to_who_is_coordinated_elsewhere_is_found() => FindsInCluster(() => new HandedOnElsewhere(), "D-10", "I19", "I18");

    [Fact]
    public void A_second_incarnation_that_is_let_in_is_found() => FindsInCluster(() => new SecondIncarnationAccepted(), "I11", "I18", "I19");

    [Fact]
    public void A_silent_host_that_is_not_given_up_is_found() => FindsInCluster(() => new SilentNotGivenUp(), "V5", "V1-V3"); // its shards wait for it as well

    [Fact]
    public void Work_that_gives_up_because_of_an_old_state_and_is_not_looked_at_is_found() => FindsInCluster(() => new GivenUpUnlooked(), "I19 history");

    /// <summary>By its owner's silence: the committer writes nothing behind a release, whoever asks for it.</summary>
    [Fact]
    public void A_shard_that_is_handed_over_too_early_is_found() => FindsInCluster(() => new ReleasedTooEarly(), "V1");

    /// <summary>What breaks a promise at one owner breaks it at several.</summary>
    [Fact]
    public void A_commit_told_before_it_is_durable_is_found_in_a_cluster() => FindsInCluster(() => new CommitBeforeDurable(), "I2");

    [Fact]
    public void A_participant_told_otherwise_than_the_others_is_found_in_a_cluster() => FindsInCluster(() => new AbortToOne(), "I1");

    [Fact]
    public void A_lost_group_said_to_have_landed_is_found_in_a_cluster() => FindsInCluster(() => new LostSaidLanded(), "I2", "I6");

    private static Func<Violation, bool> InHistory(params AnomalyKind[] kinds) => violation =>
        violation.Promise == "I19 history" && kinds.Any(kind => violation.What.StartsWith(Anomaly.NameOf(kind), StringComparison.Ordinal));

    private void Finds(Func<Mutant> mutant, params string[] promises) => Finds(mutant, violation => promises.Contains(violation.Promise));

    private void FindsInCluster(Func<Mutant> mutant, params string[] promises) => Finds(
        mutant, violation => promises.Contains(violation.Promise), Seeds.Where(FaultPlan.IsClustered).Take(ClusterSeedsMax));

    private static IEnumerable<ulong> Seeds => Enumerable.Range(1, int.MaxValue).Select(seed => (ulong)seed);

    private void Finds(Func<Mutant> mutant, Func<Violation, bool> isIt, IEnumerable<ulong>? seeds = null)
    {
        // Fixed seeds: whether a planted bug is found must not depend on the day.
        var count = 0;
        foreach (var seed in seeds ?? Seeds.Where(seed => !FaultPlan.IsClustered(seed)).Take(SeedsMax))
        {
            count++;
            var verdict = Simulator.Run(seed, mutant());
            if (verdict.Violations.FirstOrDefault(isIt) is { } found)
            {
                output.WriteLine($"found with seed {seed}, number {count}: {found}");
                return;
            }

            if (!verdict.IsGood)
            {
                output.WriteLine($"seed {seed}: {verdict.Violations[0]}");
            }
        }

        Assert.Fail($"not found within {count} seeds by what should find it");
    }
}
