using System.Collections.Immutable;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Histories;

/// <summary>
/// Ways to make a history of <see cref="SerialExecutor"/> false, each at a random place where no order can explain it any more. Null
/// if it has no such place.
/// </summary>
internal static class Breaks
{
    public static IReadOnlyDictionary<string, Func<List<RecordedTransaction>, SeededRandom, List<RecordedTransaction>?>> All { get; } =
        new Dictionary<string, Func<List<RecordedTransaction>, SeededRandom, List<RecordedTransaction>?>>(StringComparer.Ordinal)
        {
            ["an element is left out of a read"] = (history, random) => ChangeList(history, random, (read, at) =>
                read.Elements.Length > 1 ? read.Elements.RemoveAt(random.Below(read.Elements.Length - 1)) : default),
            ["two elements of a read change places"] = (history, random) => ChangeList(history, random, (read, at) =>
                read.Elements.Length > 1 && random.Below(read.Elements.Length - 1) is var place
                    ? read.Elements.SetItem(place, read.Elements[place + 1]).SetItem(place + 1, read.Elements[place])
                    : default),
            ["a read shows an element twice"] = (history, random) => ChangeList(history, random, (read, at) =>
                read.Elements.Length > 0 ? read.Elements.Add(read.Elements[0]) : default),
            ["a read shows what nobody wrote"] = (history, random) => ChangeList(history, random, (read, at) => read.Elements.Add(1_000_000_000)),
            ["a read is stale"] = (history, random) => ChangeList(history, random, (read, at) =>
                read.Elements.Length > 0 && EndedBefore(history, WriterOf(history, read.Elements[^1]), at) ? read.Elements.RemoveAt(read.Elements.Length - 1) : default),
            ["a read shows the future"] = (history, random) => ChangeList(history, random, (read, at) =>
                NextOf(history, read) is { } next && EndedBefore(history, at, WriterOf(history, next)) ? read.Elements.Add(next) : default),
            ["an acknowledged append is lost"] = (history, random) => ChangeList(history, random, (read, at) =>
                at == history.Count - 1 && read.Elements.Length > 0 && EndedBefore(history, WriterOf(history, read.Elements[^1]), at)
                    ? read.Elements.RemoveAt(read.Elements.Length - 1)
                    : default),
            ["what was committed is called aborted"] = (history, random) =>
                Change(history, random, at => history[at].Outcome is RecordedOutcome.Committed && history[at].Operations.Any(one => one is MicroOperation.Append), at => history[at] with { Outcome = RecordedOutcome.Aborted }),
            ["a register is read at an older version"] = (history, random) => ChangeOperation(history, random, (operation, at) =>
                operation is MicroOperation.Read { Value: { } value, Version: not null } read && EndedBefore(history, WriterOf(history, value), at)
                    ? OlderThan(history, read)
                    : null),
        };

    private static List<RecordedTransaction>? ChangeList(
        List<RecordedTransaction> history, SeededRandom random, Func<MicroOperation.ReadList, int, ImmutableArray<long>> change) =>
        ChangeOperation(history, random, (operation, at) =>
            operation is MicroOperation.ReadList read && change(read, at) is { IsDefault: false } elements ? read with { Elements = elements } : null);

    /// <summary>Changes one operation of a committed transaction that did not write to the key before.</summary>
    private static List<RecordedTransaction>? ChangeOperation(List<RecordedTransaction> history, SeededRandom random, Func<MicroOperation, int, MicroOperation?> change)
    {
        var start = random.Below(history.Count);
        for (var i = 0; i < history.Count; i++)
        {
            var at = (start + i) % history.Count;
            var operations = history[at].Operations;
            for (var place = 0; place < operations.Length && history[at].Outcome is RecordedOutcome.Committed; place++)
            {
                if (operations.Count(one => one.Key == operations[place].Key) == 1 && change(operations[place], at) is { } changed)
                {
                    return Change(history, at, history[at] with { Operations = operations.SetItem(place, changed) });
                }
            }
        }

        return null;
    }

    private static List<RecordedTransaction>? Change(List<RecordedTransaction> history, SeededRandom random, Func<int, bool> fits, Func<int, RecordedTransaction> change)
    {
        var places = Enumerable.Range(0, history.Count).Where(fits).ToArray();
        return places.Length == 0 ? null : places[random.Below(places.Length)] is var at ? Change(history, at, change(at)) : null;
    }

    private static List<RecordedTransaction> Change(List<RecordedTransaction> history, int at, RecordedTransaction changed) =>
        [.. history.Take(at), changed, .. history.Skip(at + 1)];

    private static int WriterOf(List<RecordedTransaction> history, long value) => history.FindIndex(one => one.Operations.Any(operation => operation switch
    {
        MicroOperation.Append append => append.Element == value,
        MicroOperation.Write write => write.Value == value,
        _ => false,
    }));

    private static bool EndedBefore(List<RecordedTransaction> history, int one, int other) =>
        history[one].Outcome is RecordedOutcome.Committed && history[one].EndedAt < history[other].BeganAt;

    private static long? NextOf(List<RecordedTransaction> history, MicroOperation.ReadList read)
    {
        var all = history[^1].Operations.OfType<MicroOperation.ReadList>().Single(one => one.Key == read.Key).Elements;
        return all.Length > read.Elements.Length ? all[read.Elements.Length] : null;
    }

    private static MicroOperation.Read? OlderThan(List<RecordedTransaction> history, MicroOperation.Read read) => history
        .SelectMany(one => one.Operations.OfType<MicroOperation.Write>())
        .Where(write => write.Key == read.Key && write.Version == read.Version - 1 && history[WriterOf(history, write.Value)].Outcome is RecordedOutcome.Committed)
        .Select(write => new MicroOperation.Read(read.Key, write.Value, write.Version))
        .FirstOrDefault();
}
