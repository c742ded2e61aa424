using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Tables;

/// <summary>The settlement of a group, the ownership of a shard and the answers to inquiries, each in all its cases.</summary>
internal static class LogCells
{
    private static readonly AppendId Member = new(1, 1);
    private static readonly AppendId Fence = new(1, 3);
    private static readonly GroupState Sent = GroupState.Send([Member, new AppendId(1, 2)], firstVersion: 10, rowCount: 2, Fence);

    private static (string Name, GroupState State)[] GroupStates { get; } =
    [
        ("Sending", Sent),
        ("Fencing", Sent with { Phase = GroupPhase.Fencing, EmptyRowVersion = 10 }),
        ("Confirming, landed", Sent with { Phase = GroupPhase.Confirming, Verdict = GroupVerdict.Landed, EmptyRowVersion = 12 }),
        ("Confirming, dead", Sent with { Phase = GroupPhase.Confirming, Verdict = GroupVerdict.Dead, EmptyRowVersion = 11 }),
        ("Settled", Sent with { Phase = GroupPhase.Settled, Verdict = GroupVerdict.Landed, NextVersion = 12 }),
    ];

    private static (string Name, GroupInput Input, RowFound Found)[] GroupInputs { get; } =
    [
        ("Acknowledged", GroupInput.Acknowledged, default),
        ("RolledBack", GroupInput.RolledBack, default),
        ("Unclear", GroupInput.Unclear, default),
        ("RowInTheWay, of a member", GroupInput.RowInTheWay, new RowFound(Member, false)),
        ("RowInTheWay, own empty row", GroupInput.RowInTheWay, new RowFound(Fence, false)),
        ("RowInTheWay, ShardOwned", GroupInput.RowInTheWay, new RowFound(new AppendId(2, 1), true)),
        ("RowInTheWay, any other", GroupInput.RowInTheWay, new RowFound(new AppendId(2, 1), false)),
        ("RowForgotten", GroupInput.RowForgotten, default),
    ];

    private static (string Name, OwnershipState State)[] OwnershipStates { get; } =
    [
        ("Unowned", new OwnershipState(OwnershipPhase.Unowned, 5, 1)),
        ("Claiming", OwnershipState.Start(5, 1)),
        ("Resolving", new OwnershipState(OwnershipPhase.Resolving, 5, 1)),
        ("Confirming", new OwnershipState(OwnershipPhase.Confirming, 5, 1) { Epoch = 4, NextVersion = 5 }),
        ("Owned", new OwnershipState(OwnershipPhase.Owned, 5, 1) { Epoch = 4, NextVersion = 5 }),
        ("Owned, append in flight", new OwnershipState(OwnershipPhase.Owned, 5, 1) { Epoch = 4, NextVersion = 5, AppendInFlight = true }),
        ("Lost", new OwnershipState(OwnershipPhase.Lost, 5, 1)),
        ("Released", new OwnershipState(OwnershipPhase.Released, 5, 1) { Epoch = 4, NextVersion = 5 }),
    ];

    private static (string Name, OwnershipInput Input)[] OwnershipInputs { get; } =
    [
        ("ClaimAcknowledged", new OwnershipInput.ClaimAcknowledged(4)),
        ("ClaimRefused", new OwnershipInput.ClaimRefused()),
        ("ClaimUnclear", new OwnershipInput.ClaimUnclear()),
        ("EndRead, the own claim", new OwnershipInput.EndRead(4, 5, 5)),
        ("EndRead, still the guard epoch", new OwnershipInput.EndRead(1, 9, 3)),
        ("EndRead, another's claim", new OwnershipInput.EndRead(4, 9, 5)),
        ("ConfirmAcknowledged, behind the own claim", new OwnershipInput.ConfirmAcknowledged(5)),
        ("ConfirmAcknowledged, behind another's", new OwnershipInput.ConfirmAcknowledged(9)),
        ("ConfirmRefused, by an own empty row", new OwnershipInput.ConfirmRefused(true)),
        ("ConfirmRefused, by anything else", new OwnershipInput.ConfirmRefused(false)),
        ("AppendStarted", new OwnershipInput.AppendStarted()),
        ("AppendSettled", new OwnershipInput.AppendSettled(7)),
        ("AppendSettled, backwards", new OwnershipInput.AppendSettled(3)),
        ("ReleaseStarted", new OwnershipInput.ReleaseStarted()),
        ("ForeignClaimRead", new OwnershipInput.ForeignClaimRead()),
    ];

    public static CellTable Group()
    {
        var table = new CellTable("group", "answer of the store", [.. GroupStates.Select(state => state.Name)]);
        foreach (var (name, input, found) in GroupInputs)
        {
            table.Add(name, [.. GroupStates.Select(state => Try(() => Describe(GroupProtocol.Advance(state.State, input, found))))]);
        }

        return table;
    }

    public static CellTable Ownership()
    {
        var table = new CellTable("ownership", "input", [.. OwnershipStates.Select(state => state.Name)]);
        foreach (var (name, input) in OwnershipInputs)
        {
            table.Add(name, [.. OwnershipStates.Select(state => Try(() => Describe(OwnershipProtocol.Advance(state.State, input))))]);
        }

        return table;
    }

    public static CellTable Inquiry()
    {
        var log = new LogIdentity(7, 2);
        var owner = new OwnerView(log, Epoch: 20, ClaimBits: 5, LastSequence: 3, Horizon: new ForgetMark(11, 10, 2, 0), UnreadableVersion: 0);
        var own = new TransactionId(log, 0, 20, 5, 2);
        var older = new TransactionId(log, 0, 12, 4, 2);
        var issued = new LookUp(null, 4);
        var table = new CellTable("inquiry", "the transaction asked about", ["answer"]);
        Answer("of another log", new TransactionId(new LogIdentity(8, 2), 0, 20, 5, 2), owner, issued);
        Answer("of another generation", new TransactionId(new LogIdentity(7, 1), 0, 12, 4, 2), owner, issued);
        Answer("of this owner, not yet issued", new TransactionId(log, 0, 20, 5, 4), owner, issued);
        foreach (var phase in Enum.GetValues<CommitPhase>())
        {
            Answer($"in memory, {phase}", own, owner, issued, CommitState.Begin(own, default) with { Phase = phase });
        }

        Answer("not in memory, commit on record", older, owner, new LookUp(Decision.Commit, 4));
        Answer("not in memory, abort on record", older, owner, new LookUp(Decision.Abort, 4));
        Answer("of a higher epoch than any owner's", new TransactionId(log, 0, 21, 6, 1), owner, issued);
        Answer("below the horizon's epoch, nothing on record", new TransactionId(log, 0, 9, 4, 9), owner, issued);
        Answer("in the horizon's epoch, at or below its sequence", new TransactionId(log, 0, 10, 4, 2), owner, issued);
        Answer("in the horizon's epoch, above its sequence, nothing on record", new TransactionId(log, 0, 10, 4, 3), owner, issued);
        Answer("its epoch's row is not a ShardOwned with its claim bits", older, owner, new LookUp(null, 3));
        Answer("its epoch's row is missing", older, owner, new LookUp(null, null));
        Answer("nothing on record, an unreadable row above its epoch", older, owner with { UnreadableVersion = 15 }, issued);
        Answer("nothing on record, an unreadable row below its epoch", older, owner with { UnreadableVersion = 11 }, issued);
        Answer("of an older epoch, nothing on record", older, owner, issued);
        Answer("of this owner, not in memory, nothing on record", own, owner, new LookUp(null, 5));
        return table;

        void Answer(string name, TransactionId id, OwnerView view, LookUp found, CommitState? inMemory = null) =>
            table.Add(name, new Cell((InquiryRules.AnswerAtOnce(id, view, inMemory) ?? InquiryRules.AnswerFromLog(id, view, found)).ToString(), null));
    }

    /// <summary>These two machines throw on what no correct shell sends.</summary>
    private static Cell Try(Func<string> advance)
    {
        try
        {
            return new Cell(advance(), null);
        }
        catch (InvariantViolationException)
        {
            return new Cell("violation", null);
        }
    }

    private static string Describe(GroupState state) => state.Phase switch
    {
        GroupPhase.Settled when state.ShardLost => $"**Settled** {state.Verdict}, shard lost",
        GroupPhase.Settled => $"**Settled** {state.Verdict}, next {state.NextVersion}",
        GroupPhase.Fencing => $"**Fencing** at {state.EmptyRowVersion}",
        GroupPhase.Confirming => $"**Confirming** {state.Verdict} at {state.EmptyRowVersion}",
        _ => $"**{state.Phase}**",
    };

    private static string Describe(OwnershipState state) => state.Phase switch
    {
        OwnershipPhase.Owned => $"**Owned**, epoch {state.Epoch}, next {state.NextVersion}{(state.AppendInFlight ? ", in flight" : string.Empty)}",
        OwnershipPhase.Confirming => $"**Confirming** at {state.NextVersion}",
        _ => $"**{state.Phase}**",
    };
}
