using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The in-memory store keeps every promise of a log store.</summary>
public sealed class LogStoreConformanceTests
{
    public static TheoryData<string> Names => [.. LogStoreConformance.Cases.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_in_memory_store_keeps(string promise)
    {
        await using var fixture = new InMemoryLogFixture(TimeProvider.System);
        await LogStoreConformance.Named(promise).RunAsync(fixture);
    }

    [Fact]
    public void No_two_promises_share_a_name() =>
        Assert.Equal(LogStoreConformance.Cases.Count, LogStoreConformance.Cases.Select(one => one.Name).Distinct().Count());
}
