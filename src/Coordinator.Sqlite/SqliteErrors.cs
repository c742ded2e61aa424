using Coordinator.Log;
using Microsoft.Data.Sqlite;

namespace Coordinator.Sqlite;

/// <summary>What SQLite's error codes mean for a write that has not sent COMMIT, and for people who open a log.</summary>
internal static class SqliteErrors
{
    private const int Busy = 5;
    private const int Locked = 6;
    private const int ReadOnly = 8;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int CannotOpen = 14;
    private const int TooBig = 18;
    private const int Constraint = 19;
    private const int Mismatch = 20;
    private const int NotADatabase = 26;
    private const int ConstraintPrimaryKey = 1555;
    private const int ConstraintUnique = 2067;

    /// <summary>
    /// Only codes that say for sure that SQLite took nothing; I/O errors and all others are Unclear, because a page may
    /// have been written (a failed sync leaves the row there after reopening).
    /// </summary>
    public static GroupAnswerKind Classify(Exception error) => error is not SqliteException sqlite
        ? GroupAnswerKind.Unclear
        : sqlite.SqliteErrorCode switch
        {
            Busy or Locked or Full or ReadOnly => GroupAnswerKind.TryAgain,
            Constraint when sqlite.SqliteExtendedErrorCode is ConstraintPrimaryKey or ConstraintUnique => GroupAnswerKind.CheckFailed,
            Constraint or TooBig or Mismatch => GroupAnswerKind.Refused,
            _ => GroupAnswerKind.Unclear,
        };

    /// <summary>What to do about an error at opening, or null.</summary>
    public static string? Explain(Exception error, string path) => error is not SqliteException sqlite
        ? null
        : sqlite.SqliteErrorCode switch
        {
            NotADatabase => $"'{path}' is not a SQLite database. Name another file, or move this one away.",
            Corrupt => $"The database '{path}' is damaged. Restore it from a backup, and start with CoordinatorOptions.RestoredAsGeneration.",
            CannotOpen => $"The database '{path}' can't be opened or created. Look at the rights on the file and on its directory.",
            ReadOnly => $"The database '{path}' can't be written. The log needs write access to the file and to its directory.",
            Busy or Locked => $"Another program holds the database '{path}' locked. Close it: the log has one owner.",
            Full => $"There is no space left for the database '{path}'.",
            _ => null,
        };
}
