namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>
/// Reads a trace of system calls of an owner that works for one client: between two acknowledgements on standard output the write-ahead log must have
/// been written and then synced. What is written behind that sync, before that is acknowledged, is none of its own: snapshots come later.
/// </summary>
internal static class SyncWatch
{
    /// <summary>Counts the acknowledgements; those without a sync of their own are violations.</summary>
    public static int Count(IEnumerable<string> trace, List<string> violations)
    {
        var acknowledged = 0;
        var isWritten = false; // since the last acknowledgement
        var isSynced = false;
        var syncing = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in trace)
        {
            var process = line[..line.IndexOf(' ', StringComparison.Ordinal)];
            if (line.Contains("chaos.db-wal>", StringComparison.Ordinal))
            {
                if (!line.Contains("sync(", StringComparison.Ordinal))
                {
                    isWritten = true;
                }
                else if (line.Contains("unfinished", StringComparison.Ordinal))
                {
                    if (isWritten)
                    {
                        syncing.Add(process); // its end stands on a line of its own
                    }
                }
                else
                {
                    isSynced |= isWritten && line.EndsWith("= 0", StringComparison.Ordinal);
                }
            }
            else if (line.Contains("sync resumed>", StringComparison.Ordinal) && syncing.Remove(process))
            {
                isSynced |= line.EndsWith("= 0", StringComparison.Ordinal);
            }
            else if (IsAcknowledgement(line))
            {
                acknowledged++;
                if (!isSynced)
                {
                    violations.Add("acknowledged before it was synced: " + line);
                }

                isWritten = isSynced = false;
                syncing.Clear(); // a sync that began before counts for nothing that comes now
            }
        }

        return acknowledged;
    }

    /// <summary>
    /// The same trace with every acknowledgement before the sync that precedes it: they must be found, or nothing was shown. Not every one: where the sync of a
    /// snapshot came in between, the acknowledged one's own still precedes it.
    /// </summary>
    public static bool FindsAcknowledgementsBeforeSyncs(IEnumerable<string> trace)
    {
        var lines = trace.Where(static line => !line.Contains("sync", StringComparison.Ordinal)
            || !(line.Contains("unfinished", StringComparison.Ordinal) || line.Contains("resumed>", StringComparison.Ordinal))).ToList();
        var (lastSync, moved) = (-1, 0);
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Contains("sync(", StringComparison.Ordinal))
            {
                lastSync = i;
            }
            else if (IsAcknowledgement(lines[i]) && lastSync >= 0)
            {
                (var acknowledgement, moved) = (lines[i], moved + 1);
                lines.RemoveAt(i);
                lines.Insert(lastSync, acknowledgement);
                lastSync = -1;
            }
        }

        var found = new List<string>();
        Count(lines, found);
        return moved > 0 && found.Count >= moved / 2;
    }

    private static bool IsAcknowledgement(string line) =>
        line.Contains("write(", StringComparison.Ordinal) && line.Contains("\"told ", StringComparison.Ordinal) && line.Contains(" committed", StringComparison.Ordinal);
}
