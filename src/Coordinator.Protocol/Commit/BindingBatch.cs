using System.Collections.Immutable;

namespace Coordinator.Protocol.Commit;

/// <summary>How a batch treats the redo that travels with its event.</summary>
internal enum RedoMode : byte
{
    /// <summary>The batch has no redo.</summary>
    None,

    /// <summary>Events at the expected version; reads are validated.</summary>
    Write,

    /// <summary>Held rows at the expected version; reads are validated. The outcome is bound from here on (rule D-7).</summary>
    Hold,

    /// <summary>Events behind the Held rows; nothing in it can conflict.</summary>
    WriteBehindHold,

    /// <summary>Released rows behind the Held rows; nothing in it can conflict.</summary>
    Release,
}

/// <summary>Which rows one event of a transaction brings with it. A batch is all or nothing.</summary>
internal static class BindingBatch
{
    public static (RedoMode Mode, ImmutableArray<Redo> Redo) Of(CommitEvent durable) => durable switch
    {
        CommitEvent.LastResourceCommitting record => (RedoMode.Hold, record.Redo),
        CommitEvent.CommitDecided decided => (decided.AfterLastResource ? RedoMode.WriteBehindHold : RedoMode.Write, decided.Redo),
        CommitEvent.AbortDecided { AfterLastResource: true } decided => (RedoMode.Release, decided.Redo),
        _ => (RedoMode.None, []),
    };

    /// <summary>True if the stream must end at the redo's own expected version, so that this batch can be refused for it.</summary>
    public static bool Validates(RedoMode mode) => mode is RedoMode.Write or RedoMode.Hold;

    /// <summary>
    /// Rows that one redo writes in this mode. Published events need no hold: the log numbers them, so they can't conflict.
    /// </summary>
    public static int RowCount(RedoMode mode, Redo redo) => mode switch
    {
        _ when redo.IsRead => 0,
        RedoMode.Write or RedoMode.WriteBehindHold => redo.Events.Length,
        RedoMode.Hold or RedoMode.Release => redo.ExpectedVersion == Redo.AtEnd ? 0 : 1,
        _ => 0,
    };

    /// <summary>The version that must be the stream's last for the rows to go behind it. Not for <see cref="Redo.AtEnd"/>.</summary>
    public static long PredecessorVersion(RedoMode mode, Redo redo)
    {
        Invariant.Holds(redo.ExpectedVersion >= 0, "only a redo with an expected version names its predecessor");
        return mode is RedoMode.WriteBehindHold or RedoMode.Release ? redo.ExpectedVersion + 1 : redo.ExpectedVersion;
    }
}
