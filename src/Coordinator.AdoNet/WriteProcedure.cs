using Coordinator.Log;

namespace Coordinator.AdoNet;

/// <summary>
/// One write from BEGIN to COMMIT, and what may be said of it (rule D-2). A definite answer needs two facts: a statement
/// before COMMIT reported an error (or a check failed), and the transaction was then seen ended by rollback. Everything
/// else is Unclear: any error at COMMIT, a lost connection, a count or tag that is not what was asked for. After any error
/// nothing more of the group is sent: a database that rolled back by itself would take the rest in autocommit.
/// </summary>
internal static class WriteProcedure
{
    /// <summary>What the statements between BEGIN and COMMIT do; false: a check or guard failed.</summary>
    public delegate bool Statements<in T>(LogWriter writer, T what);

    /// <summary>Writes a group. After Unclear the caller destroys the writer before anything else is sent.</summary>
    public static GroupAnswer Append(LogWriter writer, RowGroup group) =>
        writer.WritesWhole ? RunWhole(writer, group) : Run(writer, group, static (stepping, rows) => stepping.CheckAndWrite(rows));

    /// <summary>Runs it step by step. After Unclear the caller destroys the writer before anything else is sent.</summary>
    public static GroupAnswer Run<T>(LogWriter writer, T what, Statements<T> statements)
    {
        try
        {
            writer.Begin();
            if (!statements(writer, what))
            {
                return writer.EndByRollback()
                    ? new GroupAnswer(GroupAnswerKind.CheckFailed)
                    : new GroupAnswer(GroupAnswerKind.Unclear, new LogStoreException("A check failed, but the rollback was not seen."));
            }
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new GroupAnswer(KindBeforeCommit(writer, error), error);
        }

        try
        {
            return writer.Commit()
                ? new GroupAnswer(GroupAnswerKind.Landed)
                : new GroupAnswer(GroupAnswerKind.Unclear, new LogStoreException("COMMIT was answered, but not as a COMMIT."));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new GroupAnswer(GroupAnswerKind.Unclear, error);
        }
    }

    /// <summary>
    /// The same from one trip: the server skips what stands behind a statement that failed, so that an error of one before the commit
    /// means that this was not carried out. That no transaction is left open is still seen.
    /// </summary>
    private static GroupAnswer RunWhole(LogWriter writer, RowGroup group)
    {
        try
        {
            return new GroupAnswer(writer.WriteWhole(group) ? GroupAnswerKind.Landed : GroupAnswerKind.CheckFailed);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new GroupAnswer(KindBeforeCommit(writer, error), error);
        }
    }

    private static GroupAnswerKind KindBeforeCommit(LogWriter writer, Exception error)
    {
        try
        {
            var kind = writer.Classify(error);
            return kind is not GroupAnswerKind.Unclear && writer.EndByRollback() ? kind : GroupAnswerKind.Unclear;
        }
        catch (Exception second) when (second is not OutOfMemoryException)
        {
            return GroupAnswerKind.Unclear; // the rollback itself failed: what the server does with the rest is not known
        }
    }
}
