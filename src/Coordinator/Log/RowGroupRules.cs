using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// What every store demands of a group before it sends anything: that the checks speak of the rows. Checks that hold while
/// the rows are numbered otherwise would make a hole, or write behind another epoch (rule D-1).
/// </summary>
internal static class RowGroupRules
{
    /// <summary>What is wrong with the group, or null. A fault is a bug of the caller: the store refuses the group.</summary>
    public static string? FaultOf(RowGroup group)
    {
        var rows = group.Rows.AsSpan();
        var checks = group.Checks.AsSpan();
        var checkAt = 0;
        for (var i = 0; i < rows.Length;)
        {
            var stream = rows[i].Stream;
            if (i > 0 && rows[i - 1].Stream.CompareTo(stream) >= 0)
            {
                return $"rows are not sorted by stream and version at {rows[i]}";
            }

            if (IndexOf(checks, stream, checkAt) is not { } found)
            {
                return $"no check for stream '{stream}'";
            }

            checkAt = found + 1;
            var version = checks[found].Version;
            for (; i < rows.Length && rows[i].Stream == stream; i++)
            {
                if (rows[i].Version != ++version)
                {
                    return $"{rows[i]} does not follow version {version - 1}, which its stream is to end with";
                }

                if (RowTrust.ContentFaultOf(rows[i]) is { } fault)
                {
                    return $"{rows[i]}: {fault}"; // it could be written and never be read again
                }

                if (rows[i].Epoch != checks[found].Epoch)
                {
                    return $"{rows[i]} is of epoch {rows[i].Epoch}, its check of epoch {checks[found].Epoch}";
                }
            }
        }

        return null;
    }

    /// <summary>Where the stream's check is. Callers give them in the order of the rows, so it is nearly always the next one.</summary>
    private static int? IndexOf(ReadOnlySpan<StreamCheck> checks, StreamName stream, int start)
    {
        for (var i = 0; i < checks.Length; i++)
        {
            var at = start + i < checks.Length ? start + i : start + i - checks.Length;
            if (checks[at].Stream == stream)
            {
                return at;
            }
        }

        return null;
    }
}
