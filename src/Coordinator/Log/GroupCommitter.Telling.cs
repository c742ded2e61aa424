using Coordinator.Protocol;

namespace Coordinator.Log;

/// <content>
/// Telling what became of batches. On the dispatcher, always: the committer may be on the store's own thread, which must not wait for
/// what the answers set off.
/// </content>
internal sealed partial class GroupCommitter
{
    /// <summary>
    /// Has it told whose batches are durable. False if there was nobody to tell.
    /// </summary>
    private bool TellLanded()
    {
        if (_landed.Count == 0)
        {
            return false;
        }

        dispatcher.Queue(new Telling(this, _landed));
        _landed = Interlocked.Exchange(ref _spare, null) ?? [];
        return true;
    }

    /// <summary>
    /// The batch is not in the log for all that can be said here. Those that rest on it see that at once: they must not pass by.
    /// </summary>
    private void Refuse(PendingAppend append, AppendResult result, AbortCause? cause = null)
    {
        append.Fate.Drop();
        dispatcher.Queue(new Refusal(this, append, result, cause));
    }

    private void Tell(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause)
    {
        Interlocked.Add(ref _backlogBytes, -append.Size);
        append.Target.Settled(append, result, position, cause);
    }

    private sealed class Telling(GroupCommitter committer, List<(PendingAppend Append, LogPosition Position)> landed) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            foreach (var (append, position) in landed)
            {
                committer.Tell(append, AppendResult.Appended, position, null);
            }

            landed.Clear();
            Interlocked.Exchange(ref committer._spare, landed);
        }
    }

    private sealed class Refusal(GroupCommitter committer, PendingAppend append, AppendResult result, AbortCause? cause) : IThreadPoolWorkItem
    {
        public void Execute() => committer.Tell(append, result, default, cause);
    }
}
