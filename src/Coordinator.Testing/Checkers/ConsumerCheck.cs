using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>Follows one consumer through its lives, stream by stream, beside the log.</summary>
internal sealed class ConsumerCheck(string consumer, Dictionary<string, PlacedEvent[]> log, CheckFindings findings)
{
    /// <summary>The greatest version that it saw in any life.</summary>
    private readonly Dictionary<string, long> _seenUpTo = new(StringComparer.Ordinal);

    public void Run(IEnumerable<ConsumerRun> lives, bool isOver)
    {
        var (life, at) = (0, new Dictionary<string, long>(StringComparer.Ordinal));
        foreach (var run in lives)
        {
            life++;
            at = new Dictionary<string, long>(run.Checkpoint, StringComparer.Ordinal);
            JudgeCheckpoint(run, life);
            var seen = new HashSet<PlacedEvent>();
            foreach (var one in run.Seen)
            {
                at[one.Stream] = Judge(one, at.GetValueOrDefault(one.Stream), run.Checkpoint.GetValueOrDefault(one.Stream), !seen.Add(one), life);
            }
        }

        if (isOver)
        {
            JudgeEnd(at, life);
        }
    }

    private void JudgeCheckpoint(ConsumerRun run, int life)
    {
        foreach (var (stream, version) in run.Checkpoint)
        {
            if (Between(stream, _seenUpTo.GetValueOrDefault(stream), version + 1) is { } skipped)
            {
                findings.Found(HistoryText.Invariant($"{consumer} skips a gap: its life {life} begins behind {stream} row {version}, and it never saw {skipped.Id}, row {skipped.Version}"));
            }
        }
    }

    /// <summary>Up to where it has come in the event's stream.</summary>
    private long Judge(PlacedEvent one, long at, long checkpoint, bool isRepeated, int life)
    {
        var what = HistoryText.Invariant($"{consumer} saw {one.Id} in its life {life}, {EventsChecker.At(one)}");
        if (Logged(one.Stream, one.Version) is var logged && logged?.Id != one.Id)
        {
            findings.Found(logged is null ? $"{what}: a ghost, the log has no event there" : $"{what}: the log has {logged.Id} there");
            return at;
        }

        if (isRepeated)
        {
            findings.Found($"{what}: a duplicate, it had seen it in that life");
        }
        else if (one.Version <= checkpoint)
        {
            findings.Found(HistoryText.Invariant($"{what}: a duplicate, its checkpoint is row {checkpoint}"));
        }
        else if (one.Version <= at)
        {
            findings.Found(HistoryText.Invariant($"{what}: out of order, it had seen row {at}"));
        }
        else if (Between(one.Stream, at, one.Version) is { } skipped)
        {
            findings.Found(HistoryText.Invariant($"{what}: it skips a gap, {skipped.Id}, row {skipped.Version}, which is behind row {at}"));
        }

        _seenUpTo[one.Stream] = Math.Max(_seenUpTo.GetValueOrDefault(one.Stream), one.Version);
        return Math.Max(at, one.Version);
    }

    private void JudgeEnd(Dictionary<string, long> at, int life)
    {
        foreach (var (stream, events) in log.Where(stream => stream.Value[^1].Version > at.GetValueOrDefault(stream.Key)))
        {
            var missing = Between(stream, at.GetValueOrDefault(stream), long.MaxValue)!;
            findings.Found(HistoryText.Invariant($"{consumer} lost {missing.Id}, {EventsChecker.At(missing)}: its last life, {life}, ends behind row {at.GetValueOrDefault(stream)}, and row {events[^1].Version} is the last"));
        }
    }

    private PlacedEvent? Logged(string stream, long version) => Between(stream, version - 1, version + 1);

    /// <summary>The first event of the log between two versions, without these.</summary>
    private PlacedEvent? Between(string stream, long after, long before)
    {
        var events = log.GetValueOrDefault(stream) ?? [];
        var (low, high) = (0, events.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = events[middle].Version <= after ? (middle + 1, high) : (low, middle);
        }

        return low < events.Length && events[low].Version < before ? events[low] : null;
    }
}
