using Coordinator.Log;

namespace Coordinator.Testing.Faults;

/// <summary>What goes wrong with one write of a log store.</summary>
internal enum AppendFault : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The connection is lost before BEGIN is answered.</summary>
    BeginLost,

    /// <summary>A row is refused for now (busy, full) and the transaction is seen rolled back.</summary>
    TryAgain,

    /// <summary>A row's content is refused and the transaction is seen rolled back.</summary>
    Refused,

    /// <summary>A row is answered with an error that says nothing for sure.</summary>
    StatementUnclear,

    /// <summary>A row was taken, but an error was answered, and the connection is lost.</summary>
    StatementTakenThenLost,

    /// <summary>A row is refused, and then the rollback is not answered.</summary>
    RollbackLost,

    /// <summary>COMMIT is not answered and did not run.</summary>
    CommitLost,

    /// <summary>COMMIT ran and is not answered.</summary>
    CommitLandedThenLost,

    /// <summary>COMMIT is not answered and runs when it is released, after the store has answered.</summary>
    CommitLandsLate,

    /// <summary>COMMIT is answered without an error, but the transaction was rolled back.</summary>
    OtherTag,

    /// <summary>The first row is not answered until released; then all goes on as if nothing had been.</summary>
    StallAtStatement,

    /// <summary>COMMIT is not answered until released; then it runs.</summary>
    StallAtCommit,
}

/// <summary>What the faults mean.</summary>
internal static class AppendFaults
{
    /// <summary>All faults, without None.</summary>
    public static IReadOnlyList<AppendFault> All { get; } = [.. Enum.GetValues<AppendFault>().Where(fault => fault is not AppendFault.None)];

    /// <summary>True for faults that hold the writer until released: the store must be told to give up.</summary>
    public static bool Stalls(this AppendFault fault) => fault is AppendFault.StallAtStatement or AppendFault.StallAtCommit;

    /// <summary>The only honest answer (rule D-2).</summary>
    public static GroupAnswerKind HonestAnswer(this AppendFault fault) => fault switch
    {
        AppendFault.None => GroupAnswerKind.Landed,
        AppendFault.TryAgain => GroupAnswerKind.TryAgain,
        AppendFault.Refused => GroupAnswerKind.Refused,
        _ => GroupAnswerKind.Unclear,
    };
}

/// <summary>Something in which the next write can be made to fail.</summary>
internal interface IAppendFaults
{
    /// <summary>Lets the next write run into this.</summary>
    void Arm(AppendFault fault);

    /// <summary>Completes when a stalling fault holds the writer.</summary>
    Task Stalled { get; }

    /// <summary>Lets go of what is stalled, and lets late commits land.</summary>
    void Release();
}
