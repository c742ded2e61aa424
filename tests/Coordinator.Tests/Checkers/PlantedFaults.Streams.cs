using System.Collections.Immutable;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Checkers;

internal static partial class PlantedFaults
{
    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfEvents() =>
    [
        Events("lost", "and not in the log", (all, random) => PickLogged(all, random, RecordedOutcome.Committed) is { } one ? all with { Logged = Without(all.Logged, one) } : null),
        Events("of an aborted transaction", "is aborted", (all, random) => Pick(all.Published, random, one => one.Outcome is RecordedOutcome.Aborted) is { } one
            ? all with { Logged = [.. all.Logged, new PlacedEvent(one.Stream, 999, one.Id)] }
            : null),
        Events("published by nobody", "and nobody published it", (all, _) => all with { Logged = [.. all.Logged, new PlacedEvent("feed/1", 999, "t999/1")] }),
        Events("twice in the log", "is twice in the log", (all, random) => all with { Logged = [.. all.Logged, Pick(all.Logged, random)! with { Version = 999 }] }),
        Events("in another stream", "was published to", (all, random) => Pick(all.Logged, random) is { } one ? all with { Logged = [.. Without(all.Logged, one), one with { Stream = "feed/9" }] } : null),
        Events("of one transaction in another order", "is out of order", (all, random) => Pick(all.Logged, random, one => one.Id.EndsWith("/2", StringComparison.Ordinal)) is { } second
            && all.Logged.Single(one => one.Id == second.Id[..^1] + "1") is var first
                ? all with { Logged = [.. Without(Without(all.Logged, first), second), first with { Version = second.Version }, second with { Version = first.Version }] }
                : null),
    ];

    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfConsumers() =>
    [
        Events("not seen in the end", "lost", (all, _) => ChangeSeen(all, all.Runs.Last(), seen => seen.RemoveAt(seen.Length - 1))),
        Events("passed over by a consumer", "it skips a gap", (all, random) => ChangeSeen(all, random, (seen, at) => at > 0 && seen[at].Stream == seen[at - 1].Stream, (seen, at) => seen.RemoveAt(at - 1))),
        Events("seen twice in one life", "it had seen it in that life", (all, random) => ChangeSeen(all, random, (_, _) => true, (seen, at) => seen.Insert(at, seen[at]))),
        Events("seen out of order", "out of order, it had seen row", (all, random) => ChangeSeen(
            all, random, (seen, at) => at > 0 && seen[at].Stream == seen[at - 1].Stream, (seen, at) => seen.SetItem(at, seen[at - 1]).SetItem(at - 1, seen[at]))),
        Events("seen where there is nothing", "a ghost, the log has no event there", (all, random) => ChangeSeen(all, random, (_, _) => true, (seen, at) => seen.SetItem(at, seen[at] with { Version = 999 }))),
        Events("seen as another", "there", (all, random) => ChangeSeen(all, random, (_, _) => true, (seen, at) => seen.SetItem(at, seen[at] with { Id = "t999/1" }))),
        Events("behind the checkpoint", "its checkpoint is row", (all, random) => Pick(all.Runs, random, run => run.Checkpoint.Count > 0) is { } run
            && run.Checkpoint.OrderBy(one => one.Key, StringComparer.Ordinal).First() is var at
                ? ChangeSeen(all, run, seen => seen.Insert(0, all.Logged.Single(one => one.Stream == at.Key && one.Version == at.Value)))
                : null),
        Events("skipped by a checkpoint", "skips a gap: its life 1 begins behind", (all, _) => all.Runs.First() is var run && run.Seen.First() is var first
            ? all with { Runs = [run with { Checkpoint = run.Checkpoint.SetItem(first.Stream, first.Version), Seen = [.. run.Seen.Skip(1)] }, .. all.Runs.Skip(1)] }
            : null),
    ];

    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfRetries() =>
    [
        Retry("done by two attempts", "took effect twice: by", (all, random) => all with { Effects = [.. all.Effects, Pick(all.Effects, random)! with { Transaction = "t999" }] }),
        Retry("done twice by one attempt", "took effect twice by", (all, random) => all with { Effects = [.. all.Effects, Pick(all.Effects, random)! with { Version = 999 }] }),
        Retry("told committed and not done", "and has no effect", (all, random) => Pick(all.Effects, random) is { } one ? all with { Effects = [.. all.Effects.Where(effect => effect.Key != one.Key)] } : null),
        Retry("done by another than was told", "and its effect is of t999", (all, random) => Pick(all.Effects, random) is { } one
            ? all with { Effects = [.. all.Effects.Select(effect => effect.Key == one.Key ? effect with { Transaction = "t999" } : effect)] }
            : null),
        Retry("told aborted and done", "and has its effect", (all, random) => Pick(all.Attempts, random, attempt => attempt.Outcome is RecordedOutcome.Committed) is { } one
            ? all with { Attempts = [.. Without(all.Attempts, one), one with { Outcome = RecordedOutcome.Aborted }] }
            : null),
        Retry("all aborted and done", "as were all its attempts", (all, random) => Pick(all.Effects, random) is { } one
            ? all with { Attempts = [.. all.Attempts.Select(attempt => attempt.Key == one.Key ? attempt with { Outcome = RecordedOutcome.Aborted, Transaction = null } : attempt)] }
            : null),
        Retry("another transaction in a second answer", "has two answers", (all, random) => PickCommitted(all, random) is { } one ? all with { Attempts = [.. all.Attempts, one with { Transaction = "t999", EndedAt = TimeSpan.FromDays(1) }] } : null),
        Retry("another text in a second answer", "has two answers", (all, random) => PickCommitted(all, random) is { } one ? all with { Attempts = [.. all.Attempts, one with { Answer = "other", EndedAt = TimeSpan.FromDays(1) }] } : null),
        Retry("told aborted when it was known", "has two answers", (all, random) => PickCommitted(all, random) is { } one
            ? all with { Attempts = [.. all.Attempts, new KeyedAttempt(one.Key, "t999", RecordedOutcome.Aborted, TimeSpan.FromDays(1), TimeSpan.FromDays(2))] }
            : null),
        Retry("done, and nobody tried", "and nobody tried it", (all, _) => all with { Effects = [.. all.Effects, new KeyedEffect("key999", "t999", "account/1", 999)] }),
    ];

    private static KeyedAttempt? PickCommitted(RetryEvidence all, SeededRandom random) => Pick(all.Attempts, random, attempt => attempt.Outcome is RecordedOutcome.Committed);

    private static PlacedEvent? PickLogged(EventsEvidence all, SeededRandom random, RecordedOutcome outcome) =>
        Pick(all.Published, random, one => one.Outcome == outcome) is { } published ? all.Logged.Single(one => one.Id == published.Id) : null;

    private static EventsEvidence? ChangeSeen(
        EventsEvidence all, SeededRandom random, Func<ImmutableArray<PlacedEvent>, int, bool> fits, Func<ImmutableArray<PlacedEvent>, int, ImmutableArray<PlacedEvent>> change)
    {
        var run = Pick(all.Runs, random)!;
        ImmutableArray<PlacedEvent> seen = [.. run.Seen];
        return Pick([.. Enumerable.Range(0, seen.Length).Where(at => fits(seen, at)).Select(at => (int?)at)], random) is { } place ? ChangeSeen(all, run, _ => change(seen, place)) : null;
    }

    private static EventsEvidence ChangeSeen(EventsEvidence all, ConsumerRun run, Func<ImmutableArray<PlacedEvent>, ImmutableArray<PlacedEvent>> change) =>
        all with { Runs = [.. all.Runs.Select(one => ReferenceEquals(one, run) ? one with { Seen = change([.. one.Seen]) } : one)] };

    /// <summary>Changes a committed read of all accounts.</summary>
    private static BalanceRead[] ChangeRead(BankEvidence bank, SeededRandom random, Func<ImmutableArray<AccountBalance>, ImmutableArray<AccountBalance>> change) => Change(
        bank.Reads, random, read => read.Outcome is RecordedOutcome.Committed && read.Balances.Length == bank.Accounts.Count, read => read with { Balances = change(read.Balances) });

    private static T[] Change<T>(IReadOnlyCollection<T> all, SeededRandom random, Func<T, bool> fits, Func<T, T> change)
    {
        T[] changed = [.. all];
        int[] places = [.. Enumerable.Range(0, changed.Length).Where(at => fits(changed[at]))];
        var place = places[random.Below(places.Length)];
        changed[place] = change(changed[place]);
        return changed;
    }

    private static T[] Without<T>(IReadOnlyCollection<T> all, T one)
        where T : class => [.. all.Where(other => !ReferenceEquals(other, one))];

    private static T? Pick<T>(IReadOnlyCollection<T> all, SeededRandom random, Func<T, bool>? fits = null)
    {
        T[] some = [.. all.Where(fits ?? (_ => true))];
        return some.Length > 0 ? some[random.Below(some.Length)] : default;
    }
}
