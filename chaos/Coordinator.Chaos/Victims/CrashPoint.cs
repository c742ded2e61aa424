using System.Globalization;
using System.Runtime.InteropServices;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// A named point of the commit path at which a victim kills itself: the n-th time it gets there. The numbers are those of the
/// fault catalogue.
/// </summary>
internal sealed partial class CrashPoint(string name, int occurrence)
{
    private int _left = occurrence;

    /// <summary>Every point, with what is true there.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "claim.before", // C01: nothing of this owner exists
        "claim.after", // C30: recovery dies right behind its own claim
        "enlist.before", // C03: a participant has registered and the coordinator does not know it
        "enlist.after", // C04
        "prepare.before", // C05: commit was asked for, no Prepare is out
        "prepare.after", // C06: k of n Prepares are out
        "vote.before", // C07: prepared, the vote is lost
        "vote.after", // C08: k votes are in
        "append.before", // C09, C10: the decision is issued and not durable
        "append.after", // C11, L02: durable, and nobody knows
        "decision.before", // C14, C15: known to the coordinator, told to nobody
        "decision.after", // C16: k of n participants know
    ];

    public static CrashPoint? Parse(string text)
    {
        var parts = text.Split(':');
        return parts.Length == 2 && Names.Contains(parts[0], StringComparer.Ordinal) && int.TryParse(parts[1], CultureInfo.InvariantCulture, out var occurrence)
            ? new CrashPoint(parts[0], occurrence)
            : null;
    }

    /// <summary>Dies here if this is the point and its time has come: by SIGKILL, so that nothing of the process can tidy up.</summary>
    public void Reach(string point)
    {
        if (point == name && Interlocked.Decrement(ref _left) == 0)
        {
            _ = Kill(Environment.ProcessId, SignalKill);
            Thread.Sleep(Timeout.Infinite); // the signal is on its way; this thread does nothing more
        }
    }

    private const int SignalKill = 9;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
