using System.Data.Common;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.AdoNet;

/// <summary>
/// The writer's connection with its prepared statements. It is used by one thread, for one transaction at a time, and is
/// thrown away after an unclear answer.
/// </summary>
internal abstract class LogWriter(DbConnection connection) : IDisposable
{
    /// <summary>The connection; nobody else uses it.</summary>
    public DbConnection Connection { get; } = connection;

    /// <summary>
    /// Whether a group goes by <see cref="WriteWhole"/>, its commit included, in one trip to the server, and not by
    /// <see cref="Begin"/>, <see cref="CheckAndWrite"/> and <see cref="Commit"/> one after another. Claims always go step by step.
    /// </summary>
    public virtual bool WritesWhole => false;

    /// <summary>Starts a transaction by an explicit statement that takes the right to write at once where there is one.</summary>
    public abstract void Begin();

    /// <summary>
    /// Tests the checks and, if all hold, writes the rows; false if one doesn't hold. That they still hold at COMMIT is the
    /// dialect's business: by being the only writer, by locks, or by the keys.
    /// </summary>
    public virtual bool CheckAndWrite(RowGroup group) => throw new NotSupportedException("This writer sends groups whole.");

    /// <summary>
    /// Sends the tests of the checks and the rows as one transaction, its end included. True only if the rows were written and the commit
    /// was acknowledged as one; false only if a check did not hold, so that what was committed had written nothing. All
    /// else is an exception, of which <see cref="Classify"/> knows whether the server reported it before the commit.
    /// </summary>
    public virtual bool WriteWhole(RowGroup group) => throw new NotSupportedException("This writer sends groups step by step.");

    /// <summary>Writes a claim by one statement; the version it got, or 0 if the guard failed.</summary>
    public abstract long WriteClaim(ShardClaim claim);

    /// <summary>
    /// Writes a snapshot over the last one unless that is newer, in a transaction of its own that is not forced to disk. Never between
    /// <see cref="Begin"/> and <see cref="Commit"/>. Whatever it throws, the writer is thrown away: the next group starts on a sound one.
    /// </summary>
    public virtual void WriteSnapshot(Snapshot snapshot) => throw new NotSupportedException("Another connection writes snapshots.");

    /// <summary>Removes a snapshot, as <see cref="WriteSnapshot"/> writes one.</summary>
    public virtual void DeleteSnapshot(StreamName stream) => throw new NotSupportedException("Another connection writes snapshots.");

    /// <summary>Removes rows of a shard, as <see cref="WriteSnapshot"/> writes.</summary>
    public virtual int RemoveShardRows(ushort shard, ForgetMark horizon, int countMax) => throw new NotSupportedException("Another connection removes rows.");

    /// <summary>Removes rows of idempotency keys, as <see cref="WriteSnapshot"/> writes.</summary>
    public virtual int RemoveKeys(long writtenBefore, int countMax) => throw new NotSupportedException("Another connection removes rows.");

    /// <summary>
    /// Sends COMMIT. True only if the server acknowledged it as a COMMIT: PostgreSQL, for one, answers ROLLBACK without an
    /// error for a transaction that had failed.
    /// </summary>
    public abstract bool Commit();

    /// <summary>
    /// Rolls back unless the database did so by itself, and looks: true only if no transaction is open any more. Never
    /// called once COMMIT may have been carried out.
    /// </summary>
    public abstract bool EndByRollback();

    /// <summary>
    /// What an error of a statement before COMMIT means, if the rollback is seen; Unclear for what is ambiguous, and for what
    /// a group that was sent whole ran into at its COMMIT or behind it.
    /// </summary>
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
