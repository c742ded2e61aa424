using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>
/// The surfaces that take input, which tests give each its bad ones, and what of the catalogue belongs to features that are not built: a
/// feature that is built takes its row from the second list to the first.
/// </summary>
public sealed class CatalogueTests
{
    /// <summary>Surface, and the test classes that hold its table. A name with a slash is a file of another test project.</summary>
    private static readonly Dictionary<string, string[]> Covered = new()
    {
        ["any id or name"] = [nameof(NameInputTests), nameof(Fuzzing.NameFuzzTests), "Coordinator.Protocol.Tests/Properties/TransactionIdTests.cs", "Coordinator.Protocol.Tests/Properties/StreamNameTests.cs"],
        ["begin: time-outs, modes, keys, foreign transactions"] = [nameof(BeginInputTests), nameof(IdempotencyTests)],
        ["enlistment: participants, limits, reserved streams"] = [nameof(WorkInputTests), nameof(NameInputTests)],
        ["commit and abort, again and after the end"] = [nameof(WorkInputTests), nameof(TransactionTests)],
        ["outcome by id and by key"] = [nameof(NameInputTests), nameof(TransactionTests), nameof(ForgettingTests)],
        ["reads outside transactions"] = [nameof(NameInputTests), nameof(BeginInputTests), nameof(ReadingTests)],
        ["histories of IEventLog"] = [nameof(NameInputTests), nameof(BeginInputTests), nameof(LogRowInputTests)],
        ["events and states: what JSON can't hold, a user's Apply, converter and serializer"] = [nameof(WorkInputTests), nameof(EventTypeTests), nameof(SnapshotTests), nameof(SecretTests)],
        ["handles: null, default, disposed, taken out, reentrant"] = [nameof(WorkInputTests)],
        ["a foreign System.Transactions scope"] = [nameof(BeginInputTests)],
        ["log rows"] = [nameof(LogRowInputTests), nameof(Fuzzing.CodecFuzzTests), nameof(Fuzzing.FoundCasesTests), "Coordinator.PostgreSql.Tests/LogStoreConformanceTests.cs", "Coordinator.Sqlite.Tests/LogStoreConformanceTests.cs"],
        ["options and registration"] = [nameof(OptionInputTests), nameof(RegistrationTests), "Coordinator.Sqlite.Tests/SqliteConfigurationTests.cs", "Coordinator.PostgreSql.Tests/ConfigurationTests.cs"],
        ["the Shop's command line and files"] = [nameof(CommandLineInputTests), nameof(OrderFileTests)],
    };

    /// <summary>What has no surface yet, and why.</summary>
    private static readonly Dictionary<string, string> NotBuilt = new()
    {
        ["begin: NaN, 1e309, unknown JSON fields, duplicate JSON keys"] = "a time-out is a TimeSpan, which holds no such number; there is no HTTP interface that would read JSON",
        ["enlistment: unknown or forbidden participant, branches, payload limit of one branch"] = "there are no external participants and no HTTP interface",
        ["commit by gid, other tenant, status codes"] = "there is no HTTP interface",
        ["status: malformed cursor or limit"] = "there is no listing of transactions",
        ["HTTP layer"] = "there is no HTTP interface",
        ["participant reply, vote callback"] = "there are no external participants; votes of the engine's own are in the tables of docs/protocol.md",
        ["grains"] = "there is no Orleans host; its like for the embedded host is the row of handles",
        ["PostgreSQL and MySQL as participants"] = "there are no external participants; PostgreSQL as the log's store is in the row of options",
        ["options: unknown and duplicate keys, units, file and line"] = "options are set in code; nothing of ours reads a configuration file, and a section that an application binds is read by the framework",
        ["options: HTTP participants, secrets, wildcard hosts, node ids"] = "there is no HTTP interface; a host's id is drawn, not configured",
        ["a clock that is off the store's"] = "no decision rests on it, and no clock of the store is read. The age of keys (IssuedAt), retention and reads as of an instant rest on hosts' own clocks: docs/guide.md and docs/operations.md say what one that is off does to them, the tests of forgetting and reading show it",
        ["saga definitions"] = "there are no sagas",
        ["event subscriptions"] = "there are no subscriptions; reading from a version below 1 is in the row of names",
        ["operators' commands"] = "there is no operators' tool",
    };

    [Fact]
    public void Every_surface_has_its_tests()
    {
        var classes = typeof(CatalogueTests).Assembly.GetTypes().Where(type => type.IsPublic).Select(type => type.Name).ToHashSet(StringComparer.Ordinal);
        Assert.All(Covered.Values.SelectMany(tests => tests), test => Assert.True(
            test.Contains('/', StringComparison.Ordinal) ? File.Exists(Path.Combine(Repository.Root, "tests", test)) : classes.Contains(test),
            $"there is no {test}"));
    }

    /// <summary>A class that is named above and holds nothing would cover nothing.</summary>
    [Fact]
    public void No_named_class_is_without_tests_and_no_table_is_empty()
    {
        foreach (var test in Covered.Values.SelectMany(tests => tests).Distinct())
        {
            if (test.Contains('/', StringComparison.Ordinal))
            {
                Assert.Matches(@"\[(Fact|Theory)|: LogStoreConformance", File.ReadAllText(Path.Combine(Repository.Root, "tests", test)));
                continue;
            }

            const System.Reflection.BindingFlags Own = System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public;
            var type = typeof(CatalogueTests).Assembly.GetTypes().Single(type => type.IsPublic && type.Name == test);
            Assert.Contains(type.GetMethods(), method => method.IsDefined(typeof(FactAttribute), inherit: false)); // a theory is one, too
            var tables = type.GetFields(Own).Select(field => field.GetValue(null)).Concat(type.GetProperties(Own).Select(property => property.GetValue(null)))
                .Where(value => value is System.Collections.IDictionary || value?.GetType().Name.StartsWith("TheoryData", StringComparison.Ordinal) is true);
            Assert.All(tables, table => Assert.NotEmpty((System.Collections.IEnumerable)table!));
        }
    }

    [Fact]
    public void What_is_not_covered_has_a_reason() => Assert.All(NotBuilt, row => Assert.False(string.IsNullOrWhiteSpace(row.Value), row.Key));
}
