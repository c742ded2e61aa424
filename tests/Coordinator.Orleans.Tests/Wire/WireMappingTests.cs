using Coordinator.Hosting;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What one engine says, another hears: through the wire types and Orleans' serializer.</summary>
public sealed class WireMappingTests : IDisposable
{
    private static readonly TransactionId s_id = new(new LogIdentity(0xABCDEF012345, 3), 7, 99, TransactionId.Max40, 12345);
    private static readonly ParticipantId s_participant = new(new StreamName("account/ann"));
    private static readonly Incarnation s_incarnation = new(42, ulong.MaxValue);

    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().BuildServiceProvider();

    public static TheoryData<string> Travelling => [.. Messages.Keys];

    private static Dictionary<string, HostMessage> Messages { get; } = new Dictionary<string, HostMessage>(StringComparer.Ordinal)
    {
        ["enlist"] = In(new CommitInput.EnlistRequested(s_participant, s_incarnation, ParticipantKind.LogNative, 64)),
        ["vote yes"] = In(new CommitInput.VoteReceived(s_participant, s_incarnation, Ballot.Yes, new Redo(
            s_participant.Address, 12, new LogPosition(3, 4), [new EventData("paid", 2, new byte[] { 1, 2, 3 }), new EventData("told", 1, default)]))),
        ["vote at the end"] = In(new CommitInput.VoteReceived(s_participant, s_incarnation, Ballot.Yes, new Redo(s_participant.Address, Redo.AtEnd, LogPosition.None, []))),
        ["vote no"] = In(new CommitInput.VoteReceived(s_participant, s_incarnation, Ballot.No, null, new AbortCause(AbortReason.Wounded, s_participant, "by an older one"))),
        ["inquire"] = In(new CommitInput.OutcomeInquired(s_participant, s_incarnation)),
        ["enlisted"] = Out(new CommitMessage.EnlistmentAnswered(s_participant, s_incarnation, null)),
        ["refused"] = Out(new CommitMessage.EnlistmentAnswered(s_participant, s_incarnation, EnlistmentRefusal.TooManyParticipants)),
        ["prepare"] = Out(new CommitMessage.PrepareRequested(s_participant, s_incarnation)),
        ["committed"] = Out(new CommitMessage.DecisionDelivered(s_participant, s_incarnation, Decision.Commit, new LogPosition(ushort.MaxValue, ulong.MaxValue))),
        ["aborted"] = Out(new CommitMessage.DecisionDelivered(s_participant, s_incarnation, Decision.Abort)),
        ["answered"] = Out(new CommitMessage.InquiryAnswered(s_participant, s_incarnation, Decision.Commit)),
        ["not on record"] = Out(new CommitMessage.OutcomeNotOnRecord(s_participant, s_incarnation)),
    };

    [Theory]
    [MemberData(nameof(Travelling))]
    public void A_message_arrives_as_it_was_sent(string message) =>
        Assert.Equal(Shown(Messages[message]), Shown(WireMapping.FromWire(Copy(WireMapping.ToWire(Messages[message])))));

    [Fact]
    public void Every_kind_of_message_that_travels_is_tried()
    {
        var wire = typeof(WireMessage).Assembly.GetTypes().Where(static type => type.IsSubclassOf(typeof(WireMessage)));
        Assert.Equal(
            wire.Select(static type => type.Name).Order(StringComparer.Ordinal),
            Messages.Values.Select(static message => WireMapping.ToWire(message).GetType().Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_message_that_stays_on_its_silo_is_not_sent() =>
        Assert.Throws<InvariantViolationException>(() => WireMapping.ToWire(In(CommitInput.DeliveryDue.Instance)));

    [Fact]
    public void What_a_newer_silo_says_is_refused_as_such()
    {
        var vote = new WireVoteReceived { Transaction = s_id, Participant = "account/ann", Incarnation = 1, IncarnationHost = 2, Ballot = 99 };
        Assert.Throws<FormatException>(() => WireMapping.FromWire(vote));
        Assert.Throws<FormatException>(() => WireMapping.FromWire(new WirePrepareRequested { Transaction = s_id, Participant = "no name", Incarnation = 1, IncarnationHost = 2 }));
    }

    [Fact]
    public void A_cause_that_only_a_newer_silo_knows_is_kept()
    {
        var cause = Copy(new AbortCause((AbortReason)77, null, "something new"));
        Assert.Equal((77, "something new"), ((int)cause.Reason, cause.Detail));
    }

    [Fact]
    public void What_is_in_flight_in_this_process_does_not_travel()
    {
        var redo = new Redo(s_participant.Address, 1, LogPosition.None, []) { RestsOn = new BatchFate() };
        var there = WireMapping.FromWire(Copy(WireMapping.ToWire(In(new CommitInput.VoteReceived(s_participant, s_incarnation, Ballot.Yes, redo)))));
        Assert.Null(Assert.IsType<CommitInput.VoteReceived>(there.ToCoordinator).Redo!.RestsOn);
    }

    [Fact]
    public void Outcomes_keep_their_kind()
    {
        Assert.Equal(
            [new TransactionOutcome.Committed(s_id) { IsEarlierAttempt = true }, new TransactionOutcome.Aborted(s_id, new AbortCause(AbortReason.Refused, s_participant, "no")), new TransactionOutcome.Unknown(s_id, "ask"), new TransactionOutcome.Joined(s_id)],
            Copy<TransactionOutcome[]>([new TransactionOutcome.Committed(s_id) { IsEarlierAttempt = true }, new TransactionOutcome.Aborted(s_id, new AbortCause(AbortReason.Refused, s_participant, "no")), new TransactionOutcome.Unknown(s_id, "ask"), new TransactionOutcome.Joined(s_id)]));
    }

    [Fact]
    public void Exceptions_keep_their_type_and_what_they_say()
    {
        TransactionException[] exceptions =
        [
            new TransactionAbortedException(s_id, new AbortCause(AbortReason.LockTimeout, s_participant, "5 s")),
            new TransactionNotActiveException(s_id),
            new TransactionRefusedException(s_id, "Do otherwise."),
            new TransactionUnknownException(s_id, "Ask again."),
            new IdempotencyMismatchException(s_id, new IdempotencyKey("k") { Tenant = "t", Request = new byte[] { 1 } }),
            new TransactionRequiredException("account/ann"),
        ];
        foreach (var exception in exceptions)
        {
            var there = (TransactionException)Copy<Exception>(exception);
            Assert.Equal((exception.GetType(), exception.Message, exception.TransactionId), (there.GetType(), there.Message, there.TransactionId));
        }

        Assert.Equal(AbortReason.LockTimeout, ((TransactionAbortedException)Copy<Exception>(exceptions[0])).Cause.Reason);
        Assert.Equal("t", ((IdempotencyMismatchException)Copy<Exception>(exceptions[4])).Key.Tenant);
    }

    [Fact]
    public void A_header_arrives_as_it_was_sent()
    {
        var header = new Client.TransactionHeader(s_id, 5, new TransactionAge(DateTimeOffset.UnixEpoch.AddDays(1), s_id), TimeSpan.FromSeconds(3), true);
        var there = Copy(WireHeader.Of(header)).Read();
        Assert.Equal(header with { Age = there.Age }, there);
        Assert.False(header.Age.IsOlderThan(there.Age) || there.Age.IsOlderThan(header.Age));
    }

    public void Dispose() => _services.Dispose();

    private static HostMessage In(CommitInput input) => new(s_id, input, null);

    private static HostMessage Out(CommitMessage message) => new(s_id, null, message);

    private T Copy<T>(T value)
    {
        var serializer = _services.GetRequiredService<Serializer>();
        return serializer.Deserialize<T>(serializer.SerializeToArray(value))!;
    }

    /// <summary>Redo holds arrays, which are compared by identity.</summary>
    private static string Shown(HostMessage message) => message.ToCoordinator is CommitInput.VoteReceived { Redo: { } redo } vote
        ? $"{message with { ToCoordinator = vote with { Redo = null } }} {redo with { Events = [] }} {string.Join(' ', redo.Events.Select(static one => $"{one.Type} {one.TypeVersion} {Convert.ToHexString(one.Payload.Span)}"))}"
        : message.ToString();
}
