using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using Xunit;

namespace Coordinator.Protocol.Tests.Tables;

/// <summary>Every cell of the machines, and that docs/protocol.md shows them as they are.</summary>
public sealed class TableTests
{
    private const string RewriteVariable = "COORDINATOR_WRITE_DOCS";

    public static TheoryData<string> TableNames => ["coordinator", "participant", "group", "ownership", "inquiry"];

    [Theory]
    [MemberData(nameof(TableNames))]
    public void The_documented_table_is_what_the_code_does(string name)
    {
        var path = Path.Combine(Root(), "docs", "protocol.md");
        var text = File.ReadAllText(path);
        var open = $"<!-- table:{name} -->\n";
        var start = text.IndexOf(open, StringComparison.Ordinal);
        Assert.True(start >= 0, $"docs/protocol.md has no <!-- table:{name} -->");
        start += open.Length;
        var end = text.IndexOf("<!-- /table -->", start, StringComparison.Ordinal);
        var expected = TableOf(name).Render();
        if (Environment.GetEnvironmentVariable(RewriteVariable) == "1")
        {
            File.WriteAllText(path, text[..start] + expected + text[end..]);
            return;
        }

        Assert.True(
            text[start..end] == expected,
            $"Table {name} of docs/protocol.md is not what the code does. With {RewriteVariable}=1 this test rewrites it to:\n\n{expected}");
    }

    [Fact]
    public void Every_cell_of_the_coordinator_advances_ignores_or_refuses_and_never_throws()
    {
        foreach (var (input, make) in CoordinatorCells.Inputs)
        {
            foreach (var (name, column) in CoordinatorCells.States)
            {
                var state = CoordinatorCells.StateFor(input, column);
                var step = CommitProtocol.Advance(state, make(column));
                var cell = $"{name}, {input}";
                Assert.True(Enum.IsDefined(step.Disposition), cell);
                if (step.Disposition is Disposition.Advanced)
                {
                    Assert.True(step.Why is null, cell);
                    continue;
                }

                Assert.True(Equals(state, step.State) && step.Append is null && !string.IsNullOrEmpty(step.Why), cell);
                Assert.True(step.Disposition is Disposition.Ignored || step.Messages.IsEmpty, cell);
            }
        }
    }

    [Fact]
    public void No_cell_sends_what_is_not_durable_yet()
    {
        foreach (var (input, make) in CoordinatorCells.Inputs)
        {
            foreach (var (name, column) in CoordinatorCells.States)
            {
                var step = CommitProtocol.Advance(CoordinatorCells.StateFor(input, column), make(column));
                Assert.All(step.Messages, message => Assert.True(MayBeSent(message, step.State), $"{name}, {input}: {message}"));
                var needsLog = step.Append is CommitEvent.CommitDecided or CommitEvent.LastResourceCommitting;
                Assert.False(needsLog && !step.Messages.IsEmpty, $"{name}, {input}: a message beside an event that is not durable");
            }
        }
    }

    [Fact]
    public void Committed_and_aborted_are_never_left()
    {
        foreach (var (input, make) in CoordinatorCells.Inputs)
        {
            foreach (var (_, state) in CoordinatorCells.States.Where(one => one.State.Phase is CommitPhase.Committed or CommitPhase.Aborted))
            {
                Assert.Equal(state.Phase, CommitProtocol.Advance(CoordinatorCells.StateFor(input, state), make(state)).State.Phase);
            }
        }
    }

    [Theory]
    [InlineData(CommitPhase.Active)]
    [InlineData(CommitPhase.Preparing)]
    [InlineData(CommitPhase.CheckingReads)]
    [InlineData(CommitPhase.RecordingLastResource)]
    [InlineData(CommitPhase.LastResourceCommitting)]
    [InlineData(CommitPhase.Committing)]
    [InlineData(CommitPhase.Aborting)]
    internal void An_inquiry_before_the_decision_is_known_is_not_answered(CommitPhase phase) =>
        Assert.All(
            CoordinatorCells.States.Where(one => one.State.Phase == phase),
            one => Assert.Empty(CommitProtocol.Advance(one.State, new CommitInput.OutcomeInquired(one.State.Participants[0].Participant, new Incarnation(1))).Messages));

    [Fact]
    public void What_gives_up_is_aborted_whatever_comes_and_is_never_handed_to_the_log()
    {
        var active = CoordinatorCells.States.First(one => one.State.Phase is CommitPhase.Active).State;
        var reached = new List<CommitState> { CommitProtocol.Advance(active, new CommitInput.GiveUpRequested(new AbortCause(AbortReason.WorkFailed), TimeSpan.FromSeconds(2))).State };
        var phases = new HashSet<CommitPhase>();
        for (var depth = 0; depth < 3; depth++)
        {
            var next = new List<CommitState>();
            foreach (var state in reached)
            {
                foreach (var (_, make) in CoordinatorCells.Inputs)
                {
                    var step = CommitProtocol.Advance(state, make(state));
                    Assert.True(step.Append is null or CommitEvent.AbortDecided or CommitEvent.TransactionEnded, $"{state.Phase}: {step.Append}");
                    phases.Add(step.State.Phase);
                    next.Add(step.State);
                }
            }

            reached = next;
        }

        Assert.Equal([CommitPhase.Preparing, CommitPhase.CheckingReads, CommitPhase.Aborted], phases.Order());
    }

    [Fact]
    public void Every_phase_of_the_coordinator_has_a_column() =>
        Assert.Equal(Enum.GetValues<CommitPhase>().Order(), CoordinatorCells.States.Select(one => one.State.Phase).Distinct().Order());

    [Fact]
    public void Every_input_has_a_row()
    {
        Assert.Empty(InputsOf(typeof(CommitInput)).Except(CoordinatorCells.Inputs.Select(one => one.Input(CoordinatorCells.States[0].State).GetType())));
        Assert.Empty(InputsOf(typeof(ParticipationInput)).Except(ParticipantCells.Inputs.Select(one => one.Input.GetType())));
    }

    [Fact]
    public void Every_cell_of_the_participant_keeps_its_promise()
    {
        foreach (var (input, one) in ParticipantCells.Inputs)
        {
            foreach (var (name, state) in ParticipantCells.States)
            {
                var step = ParticipationProtocol.Advance(state, one);
                var cell = $"{name}, {input}";
                Assert.True(step.Disposition is Disposition.Advanced || (Equals(state, step.State) && !string.IsNullOrEmpty(step.Why)), cell);
                Assert.True(state.Phase <= ParticipationPhase.Prepared || step.State.Phase == state.Phase, cell + ": an end was left");
                var leaves = state.Phase is ParticipationPhase.Prepared && step.State.Phase != ParticipationPhase.Prepared;
                Assert.True(!leaves || one is ParticipationInput.DecisionReceived or ParticipationInput.StreamRead, cell + ": a promise was left unasked (I10)");
                var applies = step.Messages.Contains(ParticipationMessage.ApplyRedo.Instance);
                Assert.True(!applies || state.Phase is ParticipationPhase.Prepared, cell + ": redo applied without a vote");
            }
        }
    }

    private static bool MayBeSent(CommitMessage message, CommitState after) => message switch
    {
        CommitMessage.OutcomeAnnounced { Outcome: OutcomeKind.Committed } => after.Phase is CommitPhase.Committed,
        CommitMessage.OutcomeAnnounced { Outcome: OutcomeKind.Aborted } => after.Phase is CommitPhase.Aborted,
        CommitMessage.DecisionDelivered delivered => after.Phase == PhaseOf(delivered.Decision),
        CommitMessage.InquiryAnswered answered => after.Phase == PhaseOf(answered.Decision),
        CommitMessage.LastResourceCommitRequested or CommitMessage.LastResourceResolutionRequested => after.LastResourceRecorded,
        CommitMessage.PrepareRequested => after.Phase is CommitPhase.Preparing,
        CommitMessage.ReadsCheckRequested => after.Phase is CommitPhase.CheckingReads,
        _ => true,
    };

    private static CommitPhase PhaseOf(Decision decision) => decision is Decision.Commit ? CommitPhase.Committed : CommitPhase.Aborted;

    private static IEnumerable<Type> InputsOf(Type family) => family.GetNestedTypes(System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public)
        .Where(type => type.IsSubclassOf(family));

    private static CellTable TableOf(string name) => name switch
    {
        "coordinator" => CoordinatorCells.Table(),
        "participant" => ParticipantCells.Table(),
        "group" => LogCells.Group(),
        "ownership" => LogCells.Ownership(),
        _ => LogCells.Inquiry(),
    };

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Coordinator.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the repository's root is not above the tests");
        }

        return folder;
    }
}
