using Coordinator.Protocol;
using Microsoft.Extensions.Logging;

namespace Coordinator.Log;

/// <summary>What the group committer says to operators.</summary>
internal sealed partial class GroupCommitter
{
    [LoggerMessage(1001, LogLevel.Warning, "The log store {Store} has not answered for {Seconds} s: giving its connection up and fencing what was sent.")]
    private static partial void AppendStuck(ILogger logger, string store, double seconds);

    [LoggerMessage(1002, LogLevel.Critical, "The group committer stopped on a broken promise. What was under way is answered as unknown, and nothing more is committed; restart the process.")]
    private static partial void CommitterBroken(ILogger logger, Exception error);

    [LoggerMessage(1003, LogLevel.Error, "The log store refuses the batch of transaction {Transaction}: {Error}")]
    private static partial void BatchRejected(ILogger logger, TransactionId transaction, string? error);

    [LoggerMessage(1004, LogLevel.Error, "Shard {Shard} has another owner: this one stops. Undecided transactions were not committed by it.")]
    private static partial void ShardTakenOver(ILogger logger, ushort shard);

    [LoggerMessage(1005, LogLevel.Warning, "The log store {Store} does not write: {Error}. Commits wait and are retried.")]
    private static partial void StoreFailing(ILogger logger, string store, string error);

    [LoggerMessage(1006, LogLevel.Warning, "It is unclear whether a group of {Count} batches landed: {Error}. Fencing it before anyone is told.")]
    private static partial void GroupUnclear(ILogger logger, int count, string? error);

    [LoggerMessage(1007, LogLevel.Warning, "Shard {Shard} is given up, but it is not known that the row that hands it over is durable ({Answer}: {Error}). Its next owner waits until it is silent.")]
    private static partial void ReleaseNotKnown(ILogger logger, ushort shard, GroupAnswerKind answer, string? error);
}
