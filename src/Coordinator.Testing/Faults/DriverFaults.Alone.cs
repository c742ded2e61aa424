using System.Data.Common;

namespace Coordinator.Testing.Faults;

/// <content>Faults in a statement that writes and is a transaction of its own: it runs into those of its rows and into those of its commit.</content>
internal sealed partial class DriverFaults
{
    /// <summary>Executes the statement, or what the armed fault makes of it.</summary>
    internal DbDataReader ExecuteAlone(FaultyConnection connection, Func<DbDataReader> run)
    {
        Count(connection, StatementKind.Insert);
        if (connection.IsLost)
        {
            throw Lost(connection, late: null);
        }

        var fault = ((StatementKind[])[StatementKind.Begin, StatementKind.Insert, StatementKind.Commit]).Select(Take).FirstOrDefault(taken => taken is not AppendFault.None);
        switch (fault)
        {
            case AppendFault.None:
                return run();
            case AppendFault.TryAgain:
                throw Fail(connection, DriverErrorKind.Busy);
            case AppendFault.Refused:
                throw Fail(connection, DriverErrorKind.Refused);
            case AppendFault.StatementUnclear:
                throw Fail(connection, DriverErrorKind.Unclear);
            case AppendFault.RollbackLost:
                throw FailAndLoseRollback(connection);
            case AppendFault.StatementTakenThenLost or AppendFault.CommitLost:
                RunUncommitted(connection, run);
                throw Lost(connection, late: null);
            case AppendFault.CommitLandedThenLost:
                run().Dispose();
                throw Lost(connection, late: null);
            case AppendFault.CommitLandsLate:
                RunUncommitted(connection, run);
                throw Lost(connection, () => Say(connection, "COMMIT"));
            case AppendFault.OtherTag:
                Say(connection, "BEGIN"); // somebody's transaction is open, so that this one does not commit with its statement
                return run();
            case AppendFault.StallAtStatement:
                return RunWhenReleased(run);
            case AppendFault.StallAtCommit:
                RunUncommitted(connection, run);
                RunWhenReleased(() => Say(connection, "COMMIT"));
                throw Lost(connection, late: null); // it was given up long ago: nobody reads what it answered
            default:
                throw Lost(connection, late: null); // BeginLost
        }
    }

    private static void RunUncommitted(FaultyConnection connection, Func<DbDataReader> run)
    {
        Say(connection, "BEGIN");
        run().Dispose();
    }

    private static bool Say(FaultyConnection connection, string statement)
    {
        using var command = connection.Inner.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
        return true;
    }
}
