using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>The SQLite store keeps every promise of a log store, on a real file, with faults injected at the driver.</summary>
public sealed class LogStoreConformanceTests
{
    public static TheoryData<string> Names => [.. LogStoreConformance.Cases.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_sqlite_store_keeps(string promise)
    {
        await using var fixture = new SqliteLogFixture();
        await LogStoreConformance.Named(promise).RunAsync(fixture);
        Assert.Equal(0, fixture.DriverFaults.StatementsAfterError);
    }
}
