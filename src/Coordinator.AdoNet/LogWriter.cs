using System.Data.Common;
using Coordinator.Log;

namespace Coordinator.AdoNet;

/// <summary>
/// The writer's connection with its prepared statements. It is used by one thread, for one transaction at a time, and is
/// thrown away after an unclear answer.
/// </summary>
internal abstract class LogWriter(DbConnection connection) : IDisposable
{
    /// <summary>The connection; nobody else uses it.</summary>
    public DbConnection Connection { get; } = connection;

    /// <summary>Starts a transaction by an explicit statement that takes the right to write at once where there is one.</summary>
    public abstract void Begin();

    /// <summary>
    /// Tests the checks and, if all hold, writes the rows; false if one doesn't hold. That they still hold at COMMIT is the
    /// dialect's business: by being the only writer, by locks, or by the keys.
    /// </summary>
    public abstract bool CheckAndWrite(RowGroup group);

    /// <summary>Writes a claim by one statement; the version it got, or 0 if the guard failed.</summary>
    public abstract long WriteClaim(ShardClaim claim);

    /// <summary>
    /// Sends COMMIT. True only if the server acknowledged it as a COMMIT: PostgreSQL, for one, answers ROLLBACK without an
    /// error for a transaction that had failed.
    /// </summary>
    public abstract bool Commit();

    /// <summary>
    /// Rolls back unless the database did so by itself, and looks: true only if no transaction is open any more. Never
    /// called once COMMIT was sent.
    /// </summary>
    public abstract bool EndByRollback();

    /// <summary>What an error of a statement before COMMIT means, if the rollback is seen; Unclear for what is ambiguous.</summary>
    public abstract GroupAnswerKind Classify(Exception error);

    /// <summary>
    /// Called from another thread for a writer that is stuck and was left behind: ends its session as well as it can. Only
    /// where <see cref="LogDialect.ReleasesStuckWriter"/> is true.
    /// </summary>
    public virtual void Abort()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the connection; whatever was open in it is rolled back.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Connection.Dispose();
        }
    }
}
