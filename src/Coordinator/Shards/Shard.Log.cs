using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Microsoft.Extensions.Logging;

namespace Coordinator.Shards;

/// <summary>What a shard says to operators.</summary>
internal sealed partial class Shard
{
    [LoggerMessage(1101, LogLevel.Error, "Transaction {Transaction}: {Input} in phase {Phase} is a violation of the protocol ({Why}); ignored.")]
    private static partial void Violated(ILogger logger, TransactionId transaction, CommitPhase phase, string input, string? why);

    [LoggerMessage(1102, LogLevel.Error, "Transaction id {Transaction} was never issued by this log; the inquiry is refused.")]
    private static partial void NeverIssued(ILogger logger, TransactionId transaction);

    [LoggerMessage(1103, LogLevel.Warning, "The outcome of {Transaction} can't be read just now: {Error}")]
    private static partial void InquiryFailed(ILogger logger, TransactionId transaction, string error);

    [LoggerMessage(1108, LogLevel.Critical, "The decision of {Transaction} can't be read: {Error} It is held until an operator decides.")]
    private static partial void DecisionUnreadable(ILogger logger, TransactionId transaction, string error);

    [LoggerMessage(1105, LogLevel.Critical, "Shard {Shard} stops on a broken promise. What was under way is answered as unknown; restart the process.")]
    private static partial void Broken(ILogger logger, Exception error, ushort shard);

    [LoggerMessage(1104, LogLevel.Critical, "Shard {Shard} stops: it has another owner.")]
    private static partial void Stopped(ILogger logger, ushort shard);
}
