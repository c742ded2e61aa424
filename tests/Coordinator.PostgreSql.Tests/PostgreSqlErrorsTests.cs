using Coordinator.Log;
using Npgsql;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>What each class of error says of a write, if the rollback is seen.</summary>
public sealed class PostgreSqlErrorsTests
{
    [Theory]
    [InlineData("40001", nameof(GroupAnswerKind.TryAgain))] // serialization failure
    [InlineData("40P01", nameof(GroupAnswerKind.TryAgain))] // deadlock
    [InlineData("55P03", nameof(GroupAnswerKind.TryAgain))] // lock time-out
    [InlineData("53000", nameof(GroupAnswerKind.TryAgain))]
    [InlineData("53100", nameof(GroupAnswerKind.TryAgain))] // disk full
    [InlineData("53200", nameof(GroupAnswerKind.TryAgain))] // out of memory
    [InlineData("53300", nameof(GroupAnswerKind.TryAgain))] // too many connections
    [InlineData("57P01", nameof(GroupAnswerKind.TryAgain))] // session ended by an administrator
    [InlineData("57P02", nameof(GroupAnswerKind.TryAgain))] // another session crashed
    [InlineData("57P03", nameof(GroupAnswerKind.TryAgain))] // starting or shutting down
    [InlineData("22001", nameof(GroupAnswerKind.Refused))] // too long
    [InlineData("22P02", nameof(GroupAnswerKind.Refused))] // not a number
    [InlineData("23502", nameof(GroupAnswerKind.Refused))] // null
    [InlineData("23514", nameof(GroupAnswerKind.Refused))] // check constraint
    [InlineData("23505", nameof(GroupAnswerKind.Refused))] // unique, but another key than the log's
    [InlineData("54000", nameof(GroupAnswerKind.Refused))] // a limit of the server
    [InlineData("40003", nameof(GroupAnswerKind.Unclear))] // says itself that it does not know
    [InlineData("40000", nameof(GroupAnswerKind.Unclear))]
    [InlineData("40002", nameof(GroupAnswerKind.Unclear))]
    [InlineData("08006", nameof(GroupAnswerKind.Unclear))] // connection failure
    [InlineData("25P02", nameof(GroupAnswerKind.Unclear))] // in a failed transaction
    [InlineData("25006", nameof(GroupAnswerKind.Unclear))] // read-only
    [InlineData("42P01", nameof(GroupAnswerKind.Unclear))] // no such table
    [InlineData("42501", nameof(GroupAnswerKind.Unclear))] // no right
    [InlineData("57014", nameof(GroupAnswerKind.Unclear))] // cancelled
    [InlineData("58030", nameof(GroupAnswerKind.Unclear))] // I/O
    [InlineData("XX000", nameof(GroupAnswerKind.Unclear))]
    [InlineData("XX001", nameof(GroupAnswerKind.Unclear))] // damaged data
    [InlineData("", nameof(GroupAnswerKind.Unclear))]
    public void A_code_is_classified(string state, string expected) =>
        Assert.Equal(expected, PostgreSqlErrors.Classify(PostgreSqlLogFixture.ErrorOf(state)).ToString());

    [Fact]
    public void A_row_at_the_logs_own_key_is_a_failed_check() => Assert.Equal(
        GroupAnswerKind.CheckFailed,
        PostgreSqlErrors.Classify(PostgreSqlLogFixture.ErrorOf("23505", constraint: PostgreSqlStatements.KeyConstraint)));

    [Fact]
    public void What_the_server_did_not_say_is_unclear()
    {
        Assert.Equal(GroupAnswerKind.Unclear, PostgreSqlErrors.Classify(new NpgsqlException("Exception while reading from stream", new IOException())));
        Assert.Equal(GroupAnswerKind.Unclear, PostgreSqlErrors.Classify(new TimeoutException()));
        Assert.Equal(GroupAnswerKind.Unclear, PostgreSqlErrors.Classify(new LogStoreException("COMMIT was answered, but not as a COMMIT.")));
    }
}
