using System.Data.Common;

namespace Coordinator.Testing.Faults;

/// <content>Faults in statements that were sent together.</content>
internal sealed partial class DriverFaults
{
    /// <summary>Executes statements that were sent together, or what the armed fault makes of them.</summary>
    internal DbDataReader Execute(FaultyConnection connection, DbBatch batch, Func<DbDataReader> run)
    {
        var kinds = batch.BatchCommands.Select(command => StatementKinds.Of(command.CommandText)).ToList();
        Count(connection, kinds[0]);
        if (connection.IsLost)
        {
            throw Lost(connection, late: null);
        }

        foreach (var kind in (StatementKind[])[StatementKind.Begin, StatementKind.Insert, StatementKind.Commit])
        {
            var at = kinds.IndexOf(kind);
            if (at >= 0 && Take(kind) is var fault and not AppendFault.None)
            {
                return Execute(connection, batch, at, fault, run);
            }
        }

        return run();
    }

    /// <param name="connection">Over which it was sent.</param>
    /// <param name="batch">All statements.</param>
    /// <param name="at">The one that runs into the fault.</param>
    /// <param name="fault">Which.</param>
    /// <param name="run">Executes them all.</param>
    private DbDataReader Execute(FaultyConnection connection, DbBatch batch, int at, AppendFault fault, Func<DbDataReader> run)
    {
        var failing = batch.BatchCommands[at];
        switch (fault)
        {
            case AppendFault.TryAgain:
                throw FailAt(DriverErrorKind.Busy);
            case AppendFault.Refused:
                throw FailAt(DriverErrorKind.Refused);
            case AppendFault.StatementUnclear:
                throw FailAt(DriverErrorKind.Unclear);
            case AppendFault.RollbackLost:
                _refusing = true;
                throw FailAt(DriverErrorKind.Busy);
            case AppendFault.StatementTakenThenLost:
                RunPart(connection, batch, 0, at + 1);
                throw Lost(connection, late: null);
            case AppendFault.CommitLost:
                RunPart(connection, batch, 0, at);
                throw Lost(connection, late: null);
            case AppendFault.CommitLandedThenLost:
                RunPart(connection, batch, 0, batch.BatchCommands.Count);
                throw Lost(connection, late: null);
            case AppendFault.CommitLandsLate:
                RunPart(connection, batch, 0, at);
                throw Lost(connection, () => RunPart(connection, batch, at, batch.BatchCommands.Count));
            case AppendFault.OtherTag:
                return RunRolledBack(connection, batch, at);
            case AppendFault.StallAtStatement:
                return RunWhenReleased(run);
            case AppendFault.StallAtCommit:
                RunPart(connection, batch, 0, at);
                RunWhenReleased(() => RunPart(connection, batch, at, batch.BatchCommands.Count));
                throw Lost(connection, late: null); // it was given up long ago: nobody reads what it answered
            default:
                throw Lost(connection, late: null); // BeginLost
        }

        Exception FailAt(DriverErrorKind kind)
        {
            RunPart(connection, batch, 0, at);
            connection.HasFailed = true;
            return errorOf(kind, failing);
        }
    }

    /// <summary>Executes some of the statements, each as it stands in the batch.</summary>
    private static bool RunPart(FaultyConnection connection, DbBatch batch, int from, int to)
    {
        if (from == to)
        {
            return true;
        }

        using var part = connection.Inner.CreateBatch();
        for (var i = from; i < to; i++)
        {
            part.BatchCommands.Add(batch.BatchCommands[i]);
        }

        part.ExecuteNonQuery();
        return true;
    }

    /// <summary>The same statements with a ROLLBACK for the COMMIT; what each did is told by itself.</summary>
    private static DbDataReader RunRolledBack(FaultyConnection connection, DbBatch batch, int commit)
    {
        var other = connection.Inner.CreateBatch();
        for (var i = 0; i < batch.BatchCommands.Count; i++)
        {
            var command = batch.BatchCommands[i];
            if (i == commit)
            {
                command = other.CreateBatchCommand();
                command.CommandText = "ROLLBACK";
            }

            other.BatchCommands.Add(command);
        }

        return other.ExecuteReader();
    }
}
