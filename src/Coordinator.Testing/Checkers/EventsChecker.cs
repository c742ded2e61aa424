using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether the events of each committed transaction, and no others, are in the log once and in order, and whether each consumer
/// saw them so (E1 to E5): nothing lost, no ghost, nothing twice, nothing out of order, no gap skipped.
/// </summary>
/// <remarks>
/// A consumer that is restarted sees again what is behind its checkpoint: that is no duplicate. A checkpoint beyond what it has seen is a
/// gap, for nobody will show it what is between.
/// </remarks>
public static class EventsChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "events";

    /// <summary>Judges a run, or one in progress.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(EventsEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        var log = evidence.Logged.GroupBy(one => one.Stream, StringComparer.Ordinal)
            .ToDictionary(stream => stream.Key, stream => stream.OrderBy(one => one.Version).ToArray(), StringComparer.Ordinal);
        JudgeLog(evidence, findings);
        foreach (var consumer in evidence.Runs.GroupBy(run => run.Consumer, StringComparer.Ordinal))
        {
            new ConsumerCheck(consumer.Key, log, findings).Run(consumer, evidence.IsOver);
        }

        if (!evidence.Published.Any(one => one.Outcome is RecordedOutcome.Committed))
        {
            findings.Doubt("no event is known to be published");
        }

        if (!evidence.Runs.Any(run => run.Seen.Count > 0))
        {
            findings.Doubt("no consumer saw anything");
        }

        return findings.Report();
    }

    private static void JudgeLog(EventsEvidence evidence, CheckFindings findings)
    {
        var published = new Dictionary<string, PublishedEvent>(evidence.Published.Count, StringComparer.Ordinal);
        foreach (var one in evidence.Published.Where(one => !published.TryAdd(one.Id, one)))
        {
            findings.Doubt($"event {one.Id} was published by {published[one.Id].Transaction} and by {one.Transaction}: nobody can say whose it is");
        }

        var places = new Dictionary<string, PlacedEvent>(evidence.Logged.Count, StringComparer.Ordinal);
        foreach (var one in evidence.Logged)
        {
            if (!places.TryAdd(one.Id, one))
            {
                findings.Found($"event {one.Id} is twice in the log: {At(places[one.Id])} and {At(one)}");
            }

            JudgeLogged(one, published.GetValueOrDefault(one.Id), evidence.IsOver, findings);
        }

        JudgePublished(evidence.Published, places, findings);
    }

    private static void JudgeLogged(PlacedEvent one, PublishedEvent? published, bool isOver, CheckFindings findings)
    {
        if (published is { Outcome: RecordedOutcome.Aborted })
        {
            findings.Found($"event {one.Id} is a ghost: {At(one)}, and its transaction {published.Transaction} is aborted");
        }
        else if (published is null && isOver)
        {
            findings.Found($"event {one.Id} is a ghost: {At(one)}, and nobody published it");
        }
        else if (published is not null && published.Stream != one.Stream)
        {
            findings.Found($"event {one.Id} of {published.Transaction} was published to {published.Stream}, and is {At(one)}");
        }
    }

    private static void JudgePublished(IReadOnlyCollection<PublishedEvent> published, Dictionary<string, PlacedEvent> places, CheckFindings findings)
    {
        var last = new Dictionary<(string Transaction, string Stream), PlacedEvent>(published.Count);
        foreach (var one in published)
        {
            if (!places.TryGetValue(one.Id, out var place))
            {
                if (one.Outcome is RecordedOutcome.Committed)
                {
                    findings.Found($"event {one.Id} is lost: published to {one.Stream} by {one.Transaction}, which is committed, and not in the log");
                }

                continue;
            }

            if (last.TryGetValue((one.Transaction, one.Stream), out var before) && before.Version > place.Version)
            {
                findings.Found($"event {one.Id} is out of order: {At(place)}, and {one.Transaction} raised {before.Id} before it, {At(before)}");
            }

            last[(one.Transaction, one.Stream)] = place;
        }
    }

    /// <summary>Where an event is, to be read.</summary>
    internal static string At(PlacedEvent one) => HistoryText.Invariant($"{one.Stream} row {one.Version}");
}
