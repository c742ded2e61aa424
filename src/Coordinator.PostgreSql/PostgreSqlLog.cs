using Microsoft.Extensions.Logging;

namespace Coordinator.PostgreSql;

/// <summary>What the store says to operators.</summary>
internal static partial class PostgreSqlLog
{
    [LoggerMessage(2001, LogLevel.Warning, "Ended session {Pid} ({Application}), which held a key of the log and whose client had stopped; what it sent is unclear to its host and will be settled there.")]
    public static partial void HolderEnded(ILogger logger, int pid, string application);

    [LoggerMessage(2002, LogLevel.Warning, "A write waits for session {Pid} ({Application}, user {User}), which is not one of this log's and has locked its rows. It is left alone; end its transaction.")]
    public static partial void HolderIsForeign(ILogger logger, int pid, string application, string user);

    [LoggerMessage(2003, LogLevel.Warning, "Session {Pid} ({Application}) of user {Holder} holds a key of the log and its client has stopped, but user {User} may not end it: waiting until the server gives it up. Grant pg_signal_backend, or let all hosts use one user.")]
    public static partial void HolderMayNotBeEnded(ILogger logger, int pid, string application, string holder, string user);

    [LoggerMessage(2004, LogLevel.Warning, "A write to {Store} waits, and who holds its key can't be found out: {Error}")]
    public static partial void HoldersNotFound(ILogger logger, string store, string error);

    [LoggerMessage(2005, LogLevel.Warning, "User {User} may not end sessions of {Others}, who use the same log: a host of theirs that stops in the middle of a write holds its keys until the server gives the session up. Grant pg_signal_backend, or let all hosts use one user.")]
    public static partial void MayNotEndSessions(ILogger logger, string user, string others);

    [LoggerMessage(2006, LogLevel.Warning, "A synchronous standby is declared for {Store}, but synchronous_standby_names is empty: what is committed now may be missing on a standby that is promoted. Name the standby.")]
    public static partial void NoSynchronousStandby(ILogger logger, string store);
}
