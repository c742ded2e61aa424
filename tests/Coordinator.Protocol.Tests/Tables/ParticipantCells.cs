using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using ParticipationTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Participation.ParticipationState, object, Coordinator.Protocol.Participation.ParticipationMessage>;

namespace Coordinator.Protocol.Tests.Tables;

/// <summary>A log-native participant in each state that it tells apart, and every input.</summary>
internal static class ParticipantCells
{
    private static readonly Incarnation Own = new(1);
    private static readonly AbortCause Cause = new(AbortReason.LockTimeout);

    public static (string Name, ParticipationState State)[] States { get; } =
    [
        ("Active", ParticipationState.Enlisted(Own)),
        ("Active, with changes", ParticipationState.Enlisted(Own) with { HasChanges = true }),
        ("Active, a call runs", ParticipationState.Enlisted(Own) with { HasChanges = true, CallsRunning = 1 }),
        ("Active, a call failed", ParticipationState.Enlisted(Own) with { HasChanges = true, CallFailed = true }),
        ("Prepared", new ParticipationState(ParticipationPhase.Prepared, Own) { HasChanges = true }),
        ("Committed", new ParticipationState(ParticipationPhase.Committed, Own) { HasChanges = true }),
        ("Aborted", new ParticipationState(ParticipationPhase.Aborted, Own)),
        ("ReadOnly", new ParticipationState(ParticipationPhase.ReadOnly, Own)),
    ];

    public static (string Name, ParticipationInput Input)[] Inputs { get; } =
    [
        ("CallStarted", ParticipationInput.CallStarted.Instance),
        ("CallEnded, well", ParticipationInput.CallEnded.Well),
        ("CallEnded, failed", new ParticipationInput.CallEnded(true)),
        ("ChangeMade", ParticipationInput.ChangeMade.Instance),
        ("PrepareRequested", new ParticipationInput.PrepareRequested(Own)),
        ("PrepareRequested, other incarnation", new ParticipationInput.PrepareRequested(new Incarnation(2))),
        ("DecisionReceived Commit", ParticipationInput.DecisionReceived.Commit),
        ("DecisionReceived Abort", ParticipationInput.DecisionReceived.Abort),
        ("WorkDropped", new ParticipationInput.WorkDropped(Cause)),
        ("InquiryDue", ParticipationInput.InquiryDue.Instance),
        ("StreamRead, nothing", new ParticipationInput.StreamRead(StreamFinding.Nothing)),
        ("StreamRead, own transaction", new ParticipationInput.StreamRead(StreamFinding.OwnTransaction)),
        ("StreamRead, other transaction", new ParticipationInput.StreamRead(StreamFinding.OtherTransaction)),
    ];

    public static CellTable Table()
    {
        var table = new CellTable("participant", "input", [.. States.Select(state => state.Name)]);
        foreach (var (name, input) in Inputs)
        {
            table.Add(name, [.. States.Select(state => Describe(ParticipationProtocol.Advance(state.State, input)))]);
        }

        return table;
    }

    private static Cell Describe(ParticipationTransition step)
    {
        var sent = step.Messages.IsEmpty ? string.Empty : " ! " + string.Join(", ", step.Messages.Select(NameOf));
        return step.Disposition switch
        {
            Disposition.Advanced => new Cell($"**{step.State.Phase}**{sent}", null),
            Disposition.Ignored => new Cell("ignore" + sent, step.Why),
            _ => new Cell("violation", step.Why),
        };
    }

    private static string NameOf(ParticipationMessage message) => message switch
    {
        ParticipationMessage.Vote vote => $"vote {vote.Ballot}",
        ParticipationMessage.Inquire => "inquire",
        ParticipationMessage.RefuseCall => "refuse the call",
        ParticipationMessage.ApplyRedo => "apply redo",
        ParticipationMessage.DropWork => "drop work",
        _ => "release locks",
    };
}
