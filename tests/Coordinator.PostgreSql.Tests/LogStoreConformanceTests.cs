using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>The PostgreSQL store keeps every promise of a log store, on a real server, with faults injected at the driver.</summary>
public abstract class LogStoreConformanceTests(SharedServer server)
{
    protected static TheoryData<string> Half(int which) =>
        [.. LogStoreConformance.Cases.Where((_, index) => index % 2 == which).Select(one => one.Name)];

    protected async Task RunAsync(string promise, bool provesByRow = false)
    {
        await using var fixture = await PostgreSqlLogFixture.CreateAsync(server);
        fixture.ProvesByRow = provesByRow;
        await LogStoreConformance.Named(promise).RunAsync(fixture);
        Assert.Equal(0, fixture.DriverFaults.StatementsAfterError);
    }
}

/// <summary>One half of the promises: classes run beside each other.</summary>
public sealed class FirstHalfOfConformanceTests(SharedServer server) : LogStoreConformanceTests(server)
{
    public static TheoryData<string> Names => Half(0);

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_postgresql_store_keeps(string promise) => RunAsync(promise);
}

/// <summary>The other half.</summary>
public sealed class SecondHalfOfConformanceTests(SharedServer server) : LogStoreConformanceTests(server)
{
    public static TheoryData<string> Names => Half(1);

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_postgresql_store_keeps(string promise) => RunAsync(promise);
}

/// <summary>What is promised of writes, where each commit must be proven by a row: of groups with reads, and where the driver hides the session's state.</summary>
public sealed class ProofByRowTests(SharedServer server) : LogStoreConformanceTests(server)
{
    public static TheoryData<string> Names => [.. LogStoreConformance.WriteCases.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task A_write_that_proves_itself_keeps(string promise) => RunAsync(promise, provesByRow: true);
}
