using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// Takes out of the log what it may forget (rule D-5). The oldest rows go first, so that what is left has no other gap; nothing is forced to disk,
/// nothing waits for it, and it may stop at any row. Calls run beside those of <see cref="ILogStore"/>, once that is open.
/// </summary>
internal interface ILogRemoval
{
    /// <summary>Removes rows of a shard that <see cref="ForgetRules.MayRemove"/> gives up, at most so many; says how many.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="horizon">It must be durable: until then a look-up must find what is below it.</param>
    /// <param name="countMax">How many.</param>
    /// <param name="cancellation">Ends the wait.</param>
    ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation);

    /// <summary>Removes rows of idempotency keys that were written before an instant (microseconds since 1970 UTC), at most so many; says how many.</summary>
    ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation);
}
