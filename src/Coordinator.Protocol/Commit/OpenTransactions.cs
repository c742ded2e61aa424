namespace Coordinator.Protocol.Commit;

/// <summary>
/// What is open in a shard after its durable rows: each transaction that somebody still has to hear of, as the events that
/// make it. A checkpoint is its content; recovery is its replay. It is fed with durable rows only: counting a row that was
/// taken out of its group would give a successor a decision that is not in the log.
/// </summary>
internal sealed class OpenTransactions
{
    private readonly Dictionary<TransactionId, Entry> _open = [];
    private long _arrivals;

    private sealed record Entry(long Arrival, CommitState State, List<CommitEvent> Events);

    /// <summary>How many events a checkpoint would hold.</summary>
    public int EventCount { get; private set; }

    /// <summary>In the order in which they became open.</summary>
    public IEnumerable<CommitState> States => _open.Values.OrderBy(entry => entry.Arrival).Select(entry => entry.State);

    /// <summary>The events that <see cref="Apply"/> makes the same of again.</summary>
    public IEnumerable<CommitEvent> Events => _open.Values.OrderBy(entry => entry.Arrival).SelectMany(entry => entry.Events);

    /// <summary>Counts one durable row.</summary>
    public void Apply(CommitEvent durable)
    {
        if (!_open.TryGetValue(durable.Id, out var known))
        {
            if (LeavesNothingOpen(durable))
            {
                return;
            }

            known = new Entry(++_arrivals, null!, []);
        }

        var state = CommitProtocol.Apply(known.State, durable);
        EventCount -= known.Events.Count;
        if (state.CanForget)
        {
            _open.Remove(durable.Id);
            return;
        }

        known.Events.Add(Reduced(durable));
        EventCount += known.Events.Count;
        _open[durable.Id] = known with { State = state };
    }

    /// <summary>
    /// A decision's redo is durable in its own streams and is not kept a second time, neither in memory nor in checkpoints. So the events are
    /// the same ones whether they come from a live batch or from a row.
    /// </summary>
    private static CommitEvent Reduced(CommitEvent durable) => durable switch
    {
        CommitEvent.CommitDecided decided => decided with { Redo = [.. decided.Redo.Select(WithoutEvents)] },
        CommitEvent.AbortDecided decided => decided with { Redo = [.. decided.Redo.Select(WithoutEvents)] },
        _ => durable,
    };

    private static Redo WithoutEvents(Redo redo) => redo with { Previous = LogPosition.None, Events = [], RestsOn = null };

    /// <summary>
    /// True for a first event that ends its transaction at once: a decision that no external participant waits for, or the end
    /// of one whose decision stands in a row that can't be read.
    /// </summary>
    private static bool LeavesNothingOpen(CommitEvent durable) => durable switch
    {
        CommitEvent.CommitDecided decided => decided.Branches.IsEmpty,
        CommitEvent.AbortDecided decided => decided.Branches.IsEmpty,
        CommitEvent.TransactionEnded => true,
        _ => false,
    };
}
