using System.Data.Common;

namespace Coordinator.Testing.Faults;

/// <summary>What an injected error has to look like to the dialect.</summary>
internal enum DriverErrorKind : byte
{
    /// <summary>The server can't write just now.</summary>
    Busy,

    /// <summary>The server refuses the content.</summary>
    Refused,

    /// <summary>It says nothing for sure.</summary>
    Unclear,
}

/// <summary>An error that no driver names: a lost connection.</summary>
internal sealed class DriverFaultException(string message) : DbException(message);

/// <summary>
/// Faults between a store and its driver. One is armed, waits for the statement it is about, happens once, and is gone.
/// </summary>
/// <param name="errorOf">
/// The driver's own exceptions, so that the dialect under test classifies what it would meet; with the statement that failed if
/// it was sent with others.
/// </param>
internal sealed partial class DriverFaults(Func<DriverErrorKind, DbBatchCommand?, Exception> errorOf) : IAppendFaults, IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Action> _late = [];
    private readonly ManualResetEventSlim _released = new(initialState: true);
    private TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AppendFault _armed;
    private bool _refusing;

    /// <inheritdoc/>
    public Task Stalled => _stalled.Task;

    /// <summary>How many statements a wrapped connection was asked to execute after it had failed one and before the transaction was over: must stay 0.</summary>
    public int StatementsAfterError { get; private set; }

    /// <inheritdoc/>
    public void Arm(AppendFault fault)
    {
        lock (_gate)
        {
            _armed = fault;
            if (fault.Stalls())
            {
                _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _released.Reset();
            }
        }
    }

    /// <inheritdoc/>
    public void Release()
    {
        Action[] late;
        lock (_gate)
        {
            late = [.. _late];
            _late.Clear();
        }

        foreach (var commit in late)
        {
            commit();
        }

        _released.Set();
    }

    /// <summary>Lets go of what is stalled.</summary>
    public void Dispose()
    {
        Release();
        _released.Dispose();
    }

    /// <summary>Puts the faults between a store and a connection.</summary>
    public FaultyConnection Wrap(DbConnection connection) => new(connection, this);

    /// <summary>Executes a statement, or what the armed fault makes of it.</summary>
    internal T Execute<T>(FaultyConnection connection, StatementKind kind, Func<T> run, T otherTag)
    {
        Count(connection, kind);
        return connection.IsLost ? throw Lost(connection, late: null) : Take(kind) switch
        {
            AppendFault.None => run(),
            AppendFault.TryAgain => throw Fail(connection, DriverErrorKind.Busy),
            AppendFault.Refused => throw Fail(connection, DriverErrorKind.Refused),
            AppendFault.RollbackLost when kind is StatementKind.Insert => throw FailAndLoseRollback(connection),
            AppendFault.StatementUnclear => throw Fail(connection, DriverErrorKind.Unclear),
            AppendFault.StatementTakenThenLost or AppendFault.CommitLandedThenLost => throw RunAndLose(connection, run),
            AppendFault.CommitLandsLate => throw Lost(connection, () => run()),
            AppendFault.OtherTag => RollBack(connection, otherTag),
            AppendFault.StallAtStatement or AppendFault.StallAtCommit => RunWhenReleased(run),
            _ => throw Lost(connection, late: null), // BeginLost, CommitLost, RollbackLost at the rollback
        };
    }

    private void Count(FaultyConnection connection, StatementKind kind)
    {
        if (connection.HasFailed && !connection.IsLost && kind is (StatementKind.Begin or StatementKind.Rollback))
        {
            connection.HasFailed = false; // the failed transaction is over, or about to be
        }
        else if (connection.HasFailed && kind is not StatementKind.Rollback)
        {
            StatementsAfterError++;
        }

        connection.IsInTransaction = kind is StatementKind.Begin || (connection.IsInTransaction && kind is not (StatementKind.Commit or StatementKind.Rollback));
    }

    private static bool IsAbout(AppendFault fault, StatementKind kind) => fault switch
    {
        AppendFault.None => false,
        AppendFault.BeginLost => kind is StatementKind.Begin,
        AppendFault.TryAgain or AppendFault.Refused or AppendFault.StatementUnclear or AppendFault.StatementTakenThenLost
            or AppendFault.RollbackLost or AppendFault.StallAtStatement => kind is StatementKind.Insert,
        _ => kind is StatementKind.Commit,
    };

    private AppendFault Take(StatementKind kind)
    {
        lock (_gate)
        {
            if (_refusing && kind is StatementKind.Rollback)
            {
                _refusing = false;
                return AppendFault.RollbackLost;
            }

            if (!IsAbout(_armed, kind))
            {
                return AppendFault.None;
            }

            var fault = _armed;
            _armed = AppendFault.None;
            return fault;
        }
    }

    private Exception Fail(FaultyConnection connection, DriverErrorKind kind)
    {
        connection.HasFailed = true;
        return errorOf(kind, null);
    }

    private Exception FailAndLoseRollback(FaultyConnection connection)
    {
        lock (_gate)
        {
            _refusing = true;
        }

        return Fail(connection, DriverErrorKind.Busy);
    }

    private DriverFaultException RunAndLose<T>(FaultyConnection connection, Func<T> run)
    {
        _ = run();
        return Lost(connection, late: null);
    }

    /// <summary>Nothing comes back over this connection any more. A late commit keeps the server's side of it alive.</summary>
    private DriverFaultException Lost(FaultyConnection connection, Action? late)
    {
        connection.HasFailed = true;
        connection.IsLost = true;
        if (late is not null)
        {
            connection.IsDetached = true;
            lock (_gate)
            {
                _late.Add(() =>
                {
                    try
                    {
                        late();
                    }
                    catch (DbException)
                    {
                        // The server has ended the session meanwhile: what is late then never lands.
                    }

                    connection.Inner.Dispose();
                });
            }
        }

        return new DriverFaultException("The connection was lost.");
    }

    private static T RollBack<T>(FaultyConnection connection, T otherTag)
    {
        using var rollBack = connection.Inner.CreateCommand();
        rollBack.CommandText = "ROLLBACK";
        rollBack.Prepare();
        rollBack.ExecuteNonQuery();
        return otherTag;
    }

    private T RunWhenReleased<T>(Func<T> run)
    {
        _stalled.TrySetResult();
        _released.Wait();
        return run();
    }
}
