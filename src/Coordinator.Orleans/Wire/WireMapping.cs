using System.Runtime.InteropServices;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Orleans.Wire;

/// <summary>The engine's messages to those of the wire and back.</summary>
internal static class WireMapping
{
    /// <summary>What travels.</summary>
    /// <exception cref="InvariantViolationException">The message is one that never leaves its silo.</exception>
    public static WireMessage ToWire(in HostMessage message)
    {
        var id = message.Transaction;
        return message switch
        {
            { ToCoordinator: CommitInput.EnlistRequested m } => new WireEnlistRequested
            {
                Transaction = id,
                Participant = Text(m.Participant),
                Incarnation = m.Incarnation.Value,
                IncarnationHost = m.Incarnation.Host,
                Kind = (byte)m.Kind,
                ParticipantsMax = m.ParticipantsMax,
            },
            { ToCoordinator: CommitInput.VoteReceived m } => new WireVoteReceived
            {
                Transaction = id,
                Participant = Text(m.Participant),
                Incarnation = m.Incarnation.Value,
                IncarnationHost = m.Incarnation.Host,
                Ballot = (byte)m.Ballot,
                Redo = ToWire(m.Redo),
                Cause = m.Cause,
            },
            { ToCoordinator: CommitInput.OutcomeInquired m } => new WireOutcomeInquired
            {
                Transaction = id,
                Participant = Text(m.Asker),
                Incarnation = m.Incarnation.Value,
                IncarnationHost = m.Incarnation.Host,
            },
            { ToParticipant: { } toParticipant } => ToWire(id, toParticipant),
            _ => throw Unsent(message),
        };
    }

    /// <summary>What has come.</summary>
    /// <exception cref="FormatException">It is not of this version's vocabulary.</exception>
    public static HostMessage FromWire(WireMessage message)
    {
        var participant = Participant(message.Participant);
        var incarnation = new Incarnation(message.Incarnation, message.IncarnationHost);
        return message switch
        {
            WireEnlistRequested m => In(m, new CommitInput.EnlistRequested(participant, incarnation, Known<ParticipantKind>(m.Kind), m.ParticipantsMax)),
            WireVoteReceived m => In(m, new CommitInput.VoteReceived(participant, incarnation, Known<Ballot>(m.Ballot), FromWire(m.Redo), m.Cause)),
            WireOutcomeInquired m => In(m, new CommitInput.OutcomeInquired(participant, incarnation)),
            WireEnlistmentAnswered m => Out(m, new CommitMessage.EnlistmentAnswered(
                participant, incarnation, m.Refusal is { } refusal ? Known<EnlistmentRefusal>(refusal) : null)),
            WirePrepareRequested m => Out(m, new CommitMessage.PrepareRequested(participant, incarnation)),
            WireDecisionDelivered m => Out(m, new CommitMessage.DecisionDelivered(participant, incarnation, Known<Decision>(m.Decision), FromWire(m.Position))),
            WireInquiryAnswered m => Out(m, new CommitMessage.InquiryAnswered(participant, incarnation, Known<Decision>(m.Decision))),
            WireOutcomeNotOnRecord m => Out(m, new CommitMessage.OutcomeNotOnRecord(participant, incarnation)),
            _ => throw new FormatException($"{message.GetType().Name} is no message of this version."),
        };
    }

    private static WireMessage ToWire(TransactionId id, CommitMessage message) => message switch
    {
        CommitMessage.EnlistmentAnswered m => new WireEnlistmentAnswered
        {
            Transaction = id,
            Participant = Text(m.Participant),
            Incarnation = m.Incarnation.Value,
            IncarnationHost = m.Incarnation.Host,
            Refusal = (byte?)m.Refusal,
        },
        CommitMessage.PrepareRequested m => new WirePrepareRequested
        {
            Transaction = id,
            Participant = Text(m.Participant),
            Incarnation = m.Incarnation.Value,
            IncarnationHost = m.Incarnation.Host,
        },
        CommitMessage.DecisionDelivered m => new WireDecisionDelivered
        {
            Transaction = id,
            Participant = Text(m.Participant),
            Incarnation = m.Incarnation.Value,
            IncarnationHost = m.Incarnation.Host,
            Decision = (byte)m.Decision,
            Position = ToWire(m.Position),
        },
        CommitMessage.InquiryAnswered m => new WireInquiryAnswered
        {
            Transaction = id,
            Participant = Text(m.Asker),
            Incarnation = m.Incarnation.Value,
            IncarnationHost = m.Incarnation.Host,
            Decision = (byte)m.Decision,
        },
        CommitMessage.OutcomeNotOnRecord m => new WireOutcomeNotOnRecord
        {
            Transaction = id,
            Participant = Text(m.Asker),
            Incarnation = m.Incarnation.Value,
            IncarnationHost = m.Incarnation.Host,
        },
        _ => throw Unsent(new HostMessage(id, null, message)),
    };

    private static WireRedo? ToWire(Redo? redo) => redo is null ? null : new WireRedo
    {
        Stream = redo.Stream.Value,
        ExpectedVersion = redo.ExpectedVersion,
        Previous = ToWire(redo.Previous),
        Events = [.. redo.Events.Select(static @event => new WireEvent { Type = @event.Type, TypeVersion = @event.TypeVersion, Payload = Bytes(@event.Payload) })],
    };

    private static Redo? FromWire(WireRedo? redo) => redo is null ? null : new Redo(
        Participant(redo.Stream).Address,
        redo.ExpectedVersion,
        FromWire(redo.Previous),
        [.. redo.Events.Select(static @event => new EventData(@event.Type, @event.TypeVersion, @event.Payload))]);

    private static WirePosition ToWire(LogPosition position) => new() { Shard = position.Shard, Position = position.Position };

    private static LogPosition FromWire(WirePosition position) => new(position.Shard, position.Position);

    /// <summary>Payloads are whole arrays wherever an event was serialized here: nothing is copied then.</summary>
    private static byte[] Bytes(ReadOnlyMemory<byte> payload) =>
        MemoryMarshal.TryGetArray(payload, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
            ? segment.Array
            : payload.ToArray();

    private static string Text(ParticipantId participant) => participant.Address.Value;

    private static ParticipantId Participant(string address) => StreamName.TryCreate(address, out var name)
        ? new ParticipantId(name)
        : throw new FormatException("It names no participant.");

    private static T Known<T>(byte value)
        where T : struct, Enum
    {
        var known = (T)Enum.ToObject(typeof(T), value);
        return Enum.IsDefined(known) ? known : throw new FormatException($"{value} is no {typeof(T).Name} of this version.");
    }

    private static HostMessage In(WireMessage message, CommitInput input) => new(message.Transaction, input, null);

    private static HostMessage Out(WireMessage message, CommitMessage output) => new(message.Transaction, null, output);

    private static InvariantViolationException Unsent(in HostMessage message) =>
        new($"{((object?)message.ToCoordinator ?? message.ToParticipant)?.GetType().Name} never leaves its silo");
}
