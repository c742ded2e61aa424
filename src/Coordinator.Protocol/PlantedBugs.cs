#if PLANTED_BUGS
namespace Coordinator.Protocol;

/// <summary>What can be made wrong in a build with planted bugs, each the undoing of one rule. docs/planted-bugs.md has the table.</summary>
internal enum PlantedBug : byte
{
    None,
    AppendErrorToldAborted,
    AnswerBeforeFence,
    FenceConflictBelieved,
    ForeignOwnerIgnored,
    SecondIncarnationIgnored,
    LostParticipantVotesReadOnly,
    PresumedWithoutFence,
    PresumedByBystander,
    EpochNotInId,
    KeyNotInBatch,
    ReaderSkipsGap,
    OldDecisionsSkipped,
    LocksReleasedAtVote,
    ReadsNotValidated,
    ReadOnlyUnchecked,
    RedoLeftOut,
    DeliveryLost,
    TimeoutToldAborted,
    OwnerLossToldAborted,
    GroupMembersBlind,
    ForgottenToldAborted,
    ToldBeforeDurable,
}

/// <summary>
/// Bugs of the kind that such systems have had, to see that checkers find them. They are in no normal build: only with
/// -p:PlantedBugs=true, and then one at a time, chosen by an environment variable.
/// </summary>
internal static class PlantedBugs
{
    /// <summary>Names the environment variable with the name of the bug; without it nothing is wrong.</summary>
    public const string Variable = "COORDINATOR_PLANTED_BUG";

    // A name that is not known ends the process: a run without the bug would be taken for one that did not find it.
    public static PlantedBug Chosen { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } name
        ? Enum.Parse<PlantedBug>(name)
        : PlantedBug.None;

    public static bool Has(PlantedBug bug) => Chosen == bug;
}
#endif
