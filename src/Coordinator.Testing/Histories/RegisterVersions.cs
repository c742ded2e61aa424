namespace Coordinator.Testing.Histories;

/// <summary>
/// The versions of a register. Where the store tells their numbers these are the order. Elsewhere only this is known: the register was
/// empty before anything else, and what a transaction wrote after it had read comes behind what it had read.
/// </summary>
internal sealed class RegisterVersions(HistoryIndex index, Findings findings, ReadChecks checks)
{
    // Of writes that follow nothing that is known each comes behind the beginning: with more of them than this the edges are too many.
    private const int FirstMax = 64;

    public VersionOrder Order(KeyIndex key)
    {
        var order = new VersionOrder(key);
        foreach (var read in key.Reads.Where(read => index.IsCommitted(read.Transaction)))
        {
            if (read.Value is { } value)
            {
                checks.CheckValue(key, read, value, isNewest: true);
            }

            if (read.Value is not { } known || IsCommitted(key, known))
            {
                order.Reads.Add((read.Transaction, read.Value));
            }
        }

        var versions = Versions(key);
        CheckDirtyUpdate(key, versions);
        Chain(key, versions, order);
        FollowReads(key, versions, order);
        checks.CheckLost(key, read => ShownBy(read, versions));
        return order;
    }

    private bool IsCommitted(KeyIndex key, long value) => key.Writes.TryGetValue(value, out var written) && index.IsCommitted(written.Transaction);

    /// <summary>
    /// The numbers of the values, from who wrote and who read them. An aborted write has none, unless it was read.
    /// </summary>
    private Dictionary<long, long> Versions(KeyIndex key)
    {
        var versions = new Dictionary<long, long>();
        var byVersion = new Dictionary<long, long>();
        foreach (var (value, written) in key.Writes)
        {
            if (written.Version is { } version && index.IsCommitted(written.Transaction))
            {
                Add(value, version, written.Transaction);
            }
        }

        foreach (var read in key.Reads)
        {
            if (read is { Value: { } value, Version: { } version } && index.IsCommitted(read.Transaction))
            {
                Add(value, version, read.Transaction);
            }
        }

        return versions;

        void Add(long value, long version, int said)
        {
            var before = versions.TryAdd(value, version) ? version : versions[value];
            var other = byVersion.TryAdd(version, value) ? value : byVersion[version];
            if (before != version || other != value)
            {
                var what = before != version ? HistoryText.Invariant($"{value} is version {before} and version {version}") : HistoryText.Invariant($"version {version} is {other} and {value}");
                int[] who = key.Writes.TryGetValue(other, out var written) ? [written.Transaction, said] : [said];
                findings.Add(AnomalyKind.IncompatibleOrder, who, $"of {key.Name} {what}");
            }
        }
    }

    /// <summary>Values with numbers follow each other.</summary>
    private void Chain(KeyIndex key, Dictionary<long, long> versions, VersionOrder order)
    {
        long? before = null;
        foreach (var (value, _) in versions.Where(one => IsCommitted(key, one.Key)).OrderBy(one => one.Value).ThenBy(one => one.Key))
        {
            order.Successions.Add((before, value));
            before = value;
        }
    }

    /// <summary>Values without numbers follow what their writers had read, or, for all that is known, the beginning.</summary>
    private void FollowReads(KeyIndex key, Dictionary<long, long> versions, VersionOrder order)
    {
        var followers = new HashSet<long>(versions.Keys);
        foreach (var update in key.Updates.Where(update => index.IsCommitted(update.Transaction)))
        {
            var isNumbered = versions.ContainsKey(update.Value) && (update.Base is not { } read || versions.ContainsKey(read));
            if (!isNumbered && (update.Base is not { } known || IsCommitted(key, known)))
            {
                order.Successions.Add((update.Base, update.Value));
                followers.Add(update.Value);
            }
        }

        var first = key.Writes.Where(write => write.Value.IsLast && index.IsCommitted(write.Value.Transaction) && !followers.Contains(write.Key));
        order.Successions.AddRange(first.Take(FirstMax).Select(write => ((long?)null, write.Key)));
    }

    private void CheckDirtyUpdate(KeyIndex key, Dictionary<long, long> versions)
    {
        foreach (var update in key.Updates)
        {
            if (update.Base is { } read && index.IsCommitted(update.Transaction) && key.Writes.TryGetValue(read, out var under) && index.IsAborted(under.Transaction))
            {
                Add(under.Transaction, update.Transaction, update.Value);
            }
        }

        var dirty = versions.Where(one => key.Writes.TryGetValue(one.Key, out var written) && index.IsAborted(written.Transaction)).OrderBy(one => one.Value).FirstOrDefault();
        if (dirty.Value > 0 && versions.Where(one => one.Value > dirty.Value && IsCommitted(key, one.Key)).OrderBy(one => one.Value).FirstOrDefault() is { Value: > 0 } above
            && !key.Updates.Exists(update => update.Base == dirty.Key))
        {
            Add(key.Writes[dirty.Key].Transaction, key.Writes[above.Key].Transaction, above.Key);
        }

        void Add(int under, int over, long value) => findings.Add(
            AnomalyKind.DirtyUpdate,
            [under, over],
            HistoryText.Invariant($"{index.NameOf(under)} wrote to {key.Name} and aborted, and {index.NameOf(over)} committed with {value} on top of that"));
    }

    private static Func<long, bool?> ShownBy(KeyRead read, Dictionary<long, long> versions)
    {
        var shown = read.Version ?? (read.Value is { } known && versions.TryGetValue(known, out var found) ? found : null);
        return value => shown is { } newest && versions.TryGetValue(value, out var version) ? version <= newest : null;
    }
}
