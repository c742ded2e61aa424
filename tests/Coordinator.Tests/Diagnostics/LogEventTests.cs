using System.Reflection;
using Coordinator.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Every log message has an id that stays, and docs/operations.md says what to do about it.</summary>
public sealed class LogEventTests
{
    private static readonly Assembly[] s_assemblies =
        [typeof(TransactionEngine).Assembly, Assembly.Load("Coordinator.AdoNet"), typeof(SqliteLogOptions).Assembly, typeof(PostgreSqlLogOptions).Assembly];

    [Fact]
    public void Every_message_has_an_id_and_no_two_have_the_same()
    {
        var ids = Messages().Select(message => message.EventId).ToList();

        Assert.All(ids, id => Assert.InRange(id, 1000, 9999));
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(Messages(), message => Assert.False(string.IsNullOrEmpty(message.Message)));
    }

    [Fact]
    public void The_page_lists_every_message_as_it_is_logged_and_what_to_do()
    {
        var rows = RepositoryFiles.Table("docs/operations.md", "id", "level", "text", "what to do");

        Assert.Equal(Messages().Select(message => new[] { $"{message.EventId}", $"{message.Level}", message.Message }), rows.Select(row => row[..3]));
        Assert.All(rows, row => Assert.NotEmpty(row[3]));
    }

    /// <summary>By id.</summary>
    private static IEnumerable<LoggerMessageAttribute> Messages() =>
        from assembly in s_assemblies
        from type in assembly.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly)
        let message = method.GetCustomAttribute<LoggerMessageAttribute>()
        where message is not null
        orderby message.EventId
        select message;
}
