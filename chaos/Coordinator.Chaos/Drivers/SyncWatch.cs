namespace Coordinator.Chaos.Drivers;

/// <summary>Reads a trace of system calls: was the write-ahead log synced before an order was acknowledged on standard output?</summary>
internal static class SyncWatch
{
    /// <summary>Counts the acknowledgements that came behind a sync; others are violations.</summary>
    public static int Count(IEnumerable<string> trace, List<string> violations)
    {
        var acknowledged = 0;
        var unsynced = false;
        var syncing = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in trace)
        {
            var process = line[..line.IndexOf(' ', StringComparison.Ordinal)];
            var isSync = line.Contains("sync(", StringComparison.Ordinal);
            if (line.Contains("shop.db-wal>", StringComparison.Ordinal))
            {
                unsynced = !isSync || line.Contains("unfinished", StringComparison.Ordinal) || !line.EndsWith("= 0", StringComparison.Ordinal);
                if (isSync && unsynced)
                {
                    syncing.Add(process); // its end stands on a line of its own
                }
            }
            else if (line.Contains("sync resumed>", StringComparison.Ordinal) && syncing.Remove(process))
            {
                unsynced = !line.EndsWith("= 0", StringComparison.Ordinal);
            }
            else if (line.Contains("write(", StringComparison.Ordinal) && line.Contains("\"order o", StringComparison.Ordinal))
            {
                acknowledged++;
                if (unsynced)
                {
                    violations.Add("acknowledged before it was synced: " + line);
                }
            }
        }

        return acknowledged;
    }
}
