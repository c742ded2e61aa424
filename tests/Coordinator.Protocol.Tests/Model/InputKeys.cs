namespace Coordinator.Protocol.Tests.Model;

internal enum InputKind : byte
{
    Enlist,
    CommitRequested,
    AbortRequested,
    Vote,
    Deadline,
    Durable,
    Refused,
    Acknowledged,
    Inquired,
    Lost,
    ResourceAnswered,
    Recovered,
    OwnershipLost,
    DeliveryDue,
}

/// <summary>An input of the coordinator's machine in numbers.</summary>
internal readonly record struct InputKey(InputKind Kind, int X = 0, int Y = 0);

internal enum ParticipationKey : byte
{
    CallStarted,
    CallEnded,
    PrepareRequested,
    DecisionReceived,
    WorkDropped,
    InquiryDue,
    StreamRead,
}

internal enum OwnershipKey : byte
{
    ClaimAcknowledged,
    ClaimRefused,
    ClaimUnclear,
    EndRead,
    ConfirmAcknowledged,
    ConfirmRefused,
    AppendStarted,
    AppendSettled,
    ForeignClaimRead,
}
