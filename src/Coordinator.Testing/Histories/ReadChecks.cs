namespace Coordinator.Testing.Histories;

/// <summary>What a single read of a key may show, whatever the order of the transactions: of both, lists and registers.</summary>
internal sealed class ReadChecks(HistoryIndex index, Findings findings)
{
    /// <summary>What was read of a key was written, by one that committed, and not written over by the same one.</summary>
    public void CheckValue(KeyIndex key, KeyRead read, long value, bool isNewest)
    {
        var reader = index.NameOf(read.Transaction);
        if (!key.Writes.TryGetValue(value, out var written))
        {
            findings.Add(AnomalyKind.GhostEvent, [read.Transaction], HistoryText.Invariant($"{reader} read {value} in {key.Name}, and nobody wrote it"));
            return;
        }

        if (written.Transaction == read.Transaction)
        {
            return;
        }

        var writer = index.NameOf(written.Transaction);
        if (index.IsAborted(written.Transaction))
        {
            findings.Add(AnomalyKind.G1a, [written.Transaction, read.Transaction], HistoryText.Invariant($"{writer} wrote {value} to {key.Name} and aborted, and {reader} read it"));
        }
        else if (isNewest && !written.IsLast)
        {
            findings.Add(AnomalyKind.G1b, [written.Transaction, read.Transaction], HistoryText.Invariant($"{writer} wrote {value} to {key.Name} and wrote to it again, and {reader} read what was in between"));
        }
    }

    /// <summary>Of several that read one version and wrote on top of it all but one did not know what they wrote over.</summary>
    public void CheckUpdates(KeyIndex key, LostUpdates lostUpdates)
    {
        var first = new Dictionary<(bool IsInitial, long Base), int>();
        foreach (var update in key.Updates)
        {
            if (!index.IsCommitted(update.Transaction) || first.TryAdd((update.Base is null, update.Base ?? 0), update.Transaction))
            {
                continue;
            }

            var other = first[(update.Base is null, update.Base ?? 0)];
            lostUpdates.Add(other, update.Transaction, (key, update.Base));
            var version = update.Base is { } value ? HistoryText.Invariant($"{key.Name} at {value}") : $"{key.Name} before anything was in it";
            findings.Add(AnomalyKind.LostUpdate, [other, update.Transaction], $"{index.NameOf(other)} and {index.NameOf(update.Transaction)} both read {version} and wrote on top of it");
        }
    }

    /// <summary>The last read of a key must show every write that had been acknowledged by then.</summary>
    /// <param name="key">The key.</param>
    /// <param name="shownBy">Whether a read shows a value; null if that can't be said.</param>
    /// <returns>What is lost.</returns>
    public HashSet<long> CheckLost(KeyIndex key, Func<KeyRead, Func<long, bool?>> shownBy)
    {
        var lost = new HashSet<long>();
        KeyRead? last = null;
        foreach (var read in key.Reads)
        {
            if (index.IsCommitted(read.Transaction) && index.History[read.Transaction].BeganAt is { } began
                && !(last is { } known && index.History[known.Transaction].BeganAt > began))
            {
                last = read;
            }
        }

        if (last is not { } final)
        {
            return lost;
        }

        var shows = shownBy(final);
        foreach (var (value, written) in key.Writes)
        {
            if (index.EndedAt(written.Transaction) < index.History[final.Transaction].BeganAt && shows(value) == false)
            {
                lost.Add(value);
                var (writer, reader) = (index.NameOf(written.Transaction), index.NameOf(final.Transaction));
                findings.Add(AnomalyKind.LostEvent, [written.Transaction, final.Transaction], HistoryText.Invariant($"{writer} was told that it committed with {value} in {key.Name}, and {reader}, the last to read that, does not show it"));
            }
        }

        return lost;
    }
}

/// <summary>Pairs that lost an update, by the version that both read.</summary>
internal sealed class LostUpdates
{
    private readonly Dictionary<int, HashSet<(KeyIndex Key, long? Base)>> _bases = [];

    public void Add(int one, int other, (KeyIndex Key, long? Base) version)
    {
        BasesOf(one).Add(version);
        BasesOf(other).Add(version);
    }

    public bool Holds(int one, int other) =>
        _bases.TryGetValue(one, out var ones) && _bases.TryGetValue(other, out var others) && ones.Overlaps(others);

    private HashSet<(KeyIndex Key, long? Base)> BasesOf(int transaction) =>
        _bases.TryGetValue(transaction, out var bases) ? bases : _bases[transaction] = [];
}
