using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>The PostgreSQL store keeps every promise of a log store, on a real server, with faults injected at the driver.</summary>
public abstract class LogStoreConformanceTests(SharedServer server)
{
    protected static TheoryData<string> Half(int which) =>
        [.. LogStoreConformance.Cases.Where((_, index) => index % 2 == which).Select(one => one.Name)];

    protected async Task RunAsync(string promise)
    {
        await using var fixture = await PostgreSqlLogFixture.CreateAsync(server);
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
