using System.Globalization;
using System.Text;
using Points = Coordinator.Testing.Simulation.Situations.Points;
using S = Coordinator.Testing.Simulation.Situations;
using T = Coordinator.Simulation.SituationTable;

namespace Coordinator.Simulation;

/// <summary>One point of the fault catalogue.</summary>
/// <param name="Number">As in the catalogue.</param>
/// <param name="Meaning">In a few words.</param>
/// <param name="Situations">The counters that show that it was reached.</param>
/// <param name="Elsewhere">If there are none: why, and where it is tested.</param>
internal sealed record CataloguePoint(string Number, string Meaning, string[] Situations, string? Elsewhere = null);

/// <summary>
/// The points C01 to C34, L01 to L18 and G01 to G11 of the fault catalogue against what the simulation reaches. The table of
/// docs/simulation.md is made from it.
/// </summary>
internal static class Catalogue
{
    private const string NoDurableBegin = "begin and enlistment write nothing here: nothing can be half done";
    private const string External = "only external participants acknowledge: Coordinator.Protocol.Tests (model)";

    public static IReadOnlyList<CataloguePoint> All { get; } =
    [
        new("C01", "begin not durable", [], NoDurableBegin),
        new("C02", "begin durable, answer lost", [], NoDurableBegin),
        new("C03", "enlistment not durable", [T.CrashedAt(Points.BeforeEnlistment), T.StalledAt(Points.BeforeEnlistment)]),
        new("C04", "enlistment answered, answer lost", [S.MessageLost, S.MessageRepeated]),
        new("C05", "commit asked for, no prepare sent", [T.CrashedAt(Points.BeforePrepare), T.StalledAt(Points.BeforePrepare)]),
        new("C06", "some prepares sent", [T.CrashedAt(Points.BeforePrepare)]),
        new("C07", "all prepares sent, no vote", [T.CrashedAt(Points.BeforeVote), T.StalledAt(Points.BeforeVote)]),
        new("C08", "some votes in", [T.CrashedAt(Points.VoteArrives), T.StalledAt(Points.VoteArrives)]),
        new("C09", "all votes in, decision not handed to the log", [T.CrashedAt(Points.BeforeAppend), T.StalledAt(Points.BeforeAppend)]),
        new("C10", "decision sent, not durable", [T.CrashedAt(Points.AppendSent), S.OrphanLost]),
        new("C11", "decision durable, not acknowledged", [T.CrashedAt(Points.AppendLanded), T.CrashedCommittedUntold]),
        new("C12", "durable, and an error is answered", [S.LandedUnclear, T.FenceFoundOwnGroup, T.FenceConfirmed]),
        new("C13", "not durable, and an error is answered", [S.Lost, T.FenceLanded]),
        new("C14", "acknowledged, initiator not told", [T.CrashedAt(Points.AppendAnswered)]),
        new("C15", "initiator told, no commit delivered", [T.CrashedAt(Points.Told), T.StalledAt(Points.Told)]),
        new("C16", "some commits delivered", [T.CrashedAt(Points.BeforeCommitDelivery), T.StalledAt(Points.BeforeCommitDelivery)]),
        new("C17", "some acknowledgements in", [], External),
        new("C18", "acknowledged, end not written", [], External),
        new("C19", "ended, not forgotten", [], "half of the seeds without long faults forget after seconds, and the checks at the end know it; no counter tells this moment: ForgettingTests, the model, the conformance suite of the stores"),
        new("C20", "in the midst of forgetting", [], "half of the seeds without long faults forget after seconds, and the checks at the end know it; no counter tells this moment: ForgettingTests, the model, the conformance suite of the stores"),
        new("C21", "one No, abort not on record", [T.VotedNo]),
        new("C22", "some aborts delivered", [T.CrashedAt(Points.BeforeAbortDelivery), T.StalledAt(Points.BeforeAbortDelivery)]),
        new("C23", "vote time-out races the last Yes", [T.ToldAborted(Protocol.AbortReason.VoteTimeout), S.MessageOverdue]),
        new("C24", "all read-only", [T.ReadOnlyCommitted]),
        new("C25", "one-phase commit without a reply", [], "there is no one-phase participant yet: Coordinator.Protocol.Tests (model)"),
        new("C26", "last resource's marker decides", [], "there is no last resource yet: Coordinator.Protocol.Tests (model)"),
        new("C27", "zombie between votes and decision", [T.ZombieAppendRefused, T.TakenFromZombie]),
        new("C28", "zombie after a successor's commit", [T.OwnerSawItsLoss]),
        new("C29", "two deliver phase two", [S.MessageRepeated]),
        new("C30", "crash in recovery, twice in a row", [T.CrashedAt(Points.Recovering), T.CrashedTwiceInStart]),
        new("C31", "one unreadable row", [T.RowDamaged, T.InquiryHeld]),
        new("C32", "participant unreachable for ever", [], External),
        new("C33", "subordinate coordinator in doubt", [], "there are no subordinate coordinators"),
        new("C34", "row of another version", [], "ShardEventCodecTests, StreamTests"),
        new("L01", "store dies before the sync", [S.DownMetByWrite, S.Lost]),
        new("L02", "store dies after the sync", [S.LandedUnclear]),
        new("L03", "sync fails", [S.LandedUnclear, T.FenceFoundOwnGroup]),
        new("L04", "disk full", [S.FullMet, T.StoreFull, T.BeginRefusedOutage]),
        new("L05", "torn page", [T.RowDamaged]),
        new("L06", "bit flip in a decision", [T.RowDamaged, T.InquiryHeld]),
        new("L07", "a group of several fails", [T.GroupOfSeveral, T.GroupUnclear]),
        new("L08", "failover to a replica without the last rows", [], "the mutants AcknowledgedRowsVanish and ReadsLag show that it would be seen"),
        new("L09", "restore of an old backup", [], "conformance suite of the stores; TransactionTests"),
        new("L10", "store stalls", [S.PauseMet, S.Stalled, T.WatchdogGaveUp, T.BeginRefusedSilent]),
        new("L11", "unique violation", [S.CheckFailed]),
        new("L12", "serialization failure, deadlock, busy", [S.TryAgain, S.CheckFailedForNothing]),
        new("L13", "connection pool exhausted", [], "the stores have their own connections: conformance suite"),
        new("L14", "second process opens the SQLite file", [], "OwnerLockTests"),
        new("L15", "unsafe store settings", [], "SqliteConfigurationTests"),
        new("L16", "clocks jump", [T.ClockJumped]),
        new("L17", "log row deleted by hand", [], "conformance suite of the stores (corruption)"),
        new("L18", "forgetting while in doubt", [], "seeds that forget have no fault that keeps anyone in doubt for so long: ForgettingTests, the model, the conformance suite of the stores"),
        new("G01", "host killed at each C point", [T.Crashed, T.TakenFromDead, T.GivenUpInTime, T.SeveralTaken]),
        new("G02", "host stopped and continued", [T.Stalled, T.TakenFromZombie]),
        new("G03", "membership down", [], "there is no membership: ownership is in the log"),
        new("G04", "two owners at once, two activations of one stream", [T.TakenFromLiving, T.ZombieAppendRefused, T.BecameStandbyAgain, T.OwnedAgain, T.PlaceDoubled, T.DoubledLost]),
        new("G05", "timer ticks missed or doubled", [T.Stalled]),
        new("G06", "all hosts killed", [T.AllDown]),
        new("G07", "wall clocks differ and jump", [T.ClockJumped]),
        new("G08", "long pause of the process", [T.Stalled, T.StalledAt(Points.BeforeAppend)]),
        new("G09", "killed for want of memory", [T.Crashed]),
        new("G10", "moved between phases", [T.StoppedGracefully, T.HandedOver, T.TakenAfterRelease, T.PlaceMoved, T.GivenAway]),
        new("G11", "every host killed in turn under load", [T.EachCrashed]),
    ];

    /// <summary>The table of the docs.</summary>
    public static string ToMarkdown()
    {
        var text = new StringBuilder("| point | what | reached as | or tested elsewhere |\n|---|---|---|---|\n");
        foreach (var point in All)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {point.Number} | {point.Meaning} | {string.Join("; ", point.Situations)} | {point.Elsewhere} |\n");
        }

        return text.ToString();
    }
}
