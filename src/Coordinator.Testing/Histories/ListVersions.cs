using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>
/// The versions of a list. Its longest read gives the order of its elements, every other read must be how that one began, and what
/// no read shows came later.
/// </summary>
internal sealed class ListVersions(HistoryIndex index, Findings findings, ReadChecks checks)
{
    // Of appends that nobody has read each comes behind each reader: with more of them than this the edges are too many.
    private const int UnreadMax = 64;

    public VersionOrder Order(KeyIndex key)
    {
        var longest = Longest(key);
        var order = new VersionOrder(key);
        var (values, positions) = Known(longest);
        var committed = values.Select(value => IsCommitted(key, value)).ToArray();
        foreach (var read in key.Reads)
        {
            if (index.IsCommitted(read.Transaction) && Check(key, read, longest) && NewestKnown(read, committed) is var newest)
            {
                order.Reads.Add((read.Transaction, newest < 0 ? null : values[newest]));
            }
        }

        CheckDirtyUpdate(key, values);
        long? before = null;
        foreach (var value in values.Where((_, at) => committed[at]))
        {
            order.Successions.Add((before, value));
            before = value;
        }

        var lost = checks.CheckLost(key, ShownBy);
        var unread = key.Writes.Where(write => index.IsCommitted(write.Value.Transaction) && !positions.Contains(write.Key) && !lost.Contains(write.Key));
        order.Successions.AddRange(unread.Take(UnreadMax).Select(write => (before, write.Key)));
        return order;
    }

    private static Func<long, bool?> ShownBy(KeyRead read)
    {
        var elements = read.Elements.ToHashSet();
        return value => elements.Contains(value);
    }

    private KeyRead Longest(KeyIndex key)
    {
        var longest = new KeyRead(-1, [], null, null);
        foreach (var read in key.Reads)
        {
            if (index.IsCommitted(read.Transaction) && read.Elements.Length > longest.Elements.Length)
            {
                longest = read;
            }
        }

        if (longest.Transaction >= 0)
        {
            CheckElements(key, longest, from: 0);
        }

        return longest;
    }

    private static (ImmutableArray<long> Values, HashSet<long> Positions) Known(KeyRead longest)
    {
        var seen = new HashSet<long>(longest.Elements.Length);
        return ([.. longest.Elements.Where(seen.Add)], seen);
    }

    private bool IsCommitted(KeyIndex key, long value) => key.Writes.TryGetValue(value, out var written) && index.IsCommitted(written.Transaction);

    /// <summary>The place in the order of the newest committed element that a read shows; -1 if it shows none.</summary>
    private static int NewestKnown(KeyRead read, bool[] committed)
    {
        var at = Math.Min(read.Elements.Length, committed.Length) - 1;
        while (at >= 0 && !committed[at])
        {
            at--;
        }

        return at;
    }

    /// <summary>True if the read is how the longest one begins: else it says nothing that could be ordered.</summary>
    private bool Check(KeyIndex key, KeyRead read, KeyRead longest)
    {
        var common = read.Elements.AsSpan().CommonPrefixLength(longest.Elements.AsSpan());
        if (common < read.Elements.Length)
        {
            CheckElements(key, read, from: common);
            checks.CheckValue(key, read, read.Elements[^1], isNewest: true);
            findings.Add(
                AnomalyKind.IncompatibleOrder,
                [longest.Transaction, read.Transaction],
                $"{index.NameOf(longest.Transaction)} and {index.NameOf(read.Transaction)} read {key.Name}, and neither result is how the other begins");
            return false;
        }

        if (read.Last is { } newest)
        {
            checks.CheckValue(key, read, newest, isNewest: true);
        }

        return true;
    }

    private void CheckElements(KeyIndex key, KeyRead read, int from)
    {
        var seen = new HashSet<long>(read.Elements.Take(from));
        for (var at = from; at < read.Elements.Length; at++)
        {
            var element = read.Elements[at];
            if (!seen.Add(element))
            {
                findings.Add(AnomalyKind.DuplicateAppend, [read.Transaction], HistoryText.Invariant($"{index.NameOf(read.Transaction)} read {element} twice in {key.Name}"));
            }
            else if (at < read.Elements.Length - 1)
            {
                checks.CheckValue(key, read, element, isNewest: false); // the newest is looked at with each read
            }
        }
    }

    /// <summary>Behind an element that was never committed no committed one may stand.</summary>
    private void CheckDirtyUpdate(KeyIndex key, ImmutableArray<long> values)
    {
        int? aborted = null;
        foreach (var value in values)
        {
            if (!key.Writes.TryGetValue(value, out var written))
            {
                continue;
            }

            if (index.IsAborted(written.Transaction))
            {
                aborted ??= written.Transaction;
            }
            else if (aborted is { } under && index.IsCommitted(written.Transaction))
            {
                findings.Add(
                    AnomalyKind.DirtyUpdate,
                    [under, written.Transaction],
                    HistoryText.Invariant($"{index.NameOf(under)} appended to {key.Name} and aborted, and {index.NameOf(written.Transaction)} committed with {value} behind that"));
                return;
            }
        }
    }
}
