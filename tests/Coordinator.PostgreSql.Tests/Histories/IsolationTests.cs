using System.Data;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.PostgreSql.Tests.Histories;

/// <summary>
/// The checker of histories on a real database that does not promise what is asked, and on the same one when it does. Two sessions are
/// stepped by hand: chance has no part in it.
/// </summary>
public sealed class IsolationTests(SharedServer server)
{
    [Theory]
    [InlineData(IsolationLevel.ReadCommitted, HistoryVerdict.Invalid)]
    [InlineData(IsolationLevel.RepeatableRead, HistoryVerdict.Invalid)] // PostgreSQL's is snapshot isolation
    [InlineData(IsolationLevel.Serializable, HistoryVerdict.Valid)]
    public async Task Write_skew_is_found_where_the_server_allows_it(IsolationLevel isolation, HistoryVerdict verdict)
    {
        var report = await RunAsync(isolation, async (one, other) =>
        {
            await one.ReadListAsync("x");
            await other.ReadListAsync("y");
            await one.AppendAsync("y", 1);
            await other.AppendAsync("x", 2);
            await one.CommitAsync();
            await other.CommitAsync();
        });

        Assert.True(verdict == report.Verdict, report.ToString());
        Assert.Equal(verdict is HistoryVerdict.Invalid, report.Has(AnomalyKind.G2Item));
        Assert.Equal(verdict is HistoryVerdict.Invalid ? 4 : 3, report.CommittedCount);
    }

    [Theory]
    [InlineData(IsolationLevel.ReadCommitted, HistoryVerdict.Invalid)]
    [InlineData(IsolationLevel.RepeatableRead, HistoryVerdict.Valid)]
    [InlineData(IsolationLevel.Serializable, HistoryVerdict.Valid)]
    public async Task A_lost_update_is_found_where_the_server_allows_it(IsolationLevel isolation, HistoryVerdict verdict)
    {
        var report = await RunAsync(isolation, async (one, other) =>
        {
            await one.ReadAsync("balance");
            await other.ReadAsync("balance");
            await one.WriteAsync("balance", 101);
            await one.CommitAsync();
            await other.WriteAsync("balance", 102);
            await other.CommitAsync();
        });

        Assert.True(verdict == report.Verdict, report.ToString());
        Assert.Equal(verdict is HistoryVerdict.Invalid, report.Has(AnomalyKind.LostUpdate));
        Assert.Equal(verdict is HistoryVerdict.Invalid ? 4 : 3, report.CommittedCount);
    }

    [Theory]
    [InlineData(IsolationLevel.ReadCommitted, HistoryVerdict.Invalid)]
    [InlineData(IsolationLevel.Serializable, HistoryVerdict.Valid)]
    public async Task A_read_of_half_a_transaction_is_found_where_the_server_allows_it(IsolationLevel isolation, HistoryVerdict verdict)
    {
        var report = await RunAsync(isolation, async (one, other) =>
        {
            await other.ReadListAsync("x");
            await one.AppendAsync("x", 1);
            await one.AppendAsync("y", 2);
            await one.CommitAsync();
            await other.ReadListAsync("y");
            await other.CommitAsync();
        });

        Assert.True(verdict == report.Verdict, report.ToString());
        Assert.Equal(verdict is HistoryVerdict.Invalid, report.Has(AnomalyKind.GSingle));
    }

    private async Task<HistoryReport> RunAsync(IsolationLevel isolation, Func<SteppedClient, SteppedClient, Task> interleave)
    {
        var table = await HistoryTable.CreateAsync(server);
        await using var one = await table.ConnectAsync("one");
        await using var other = await table.ConnectAsync("other");
        await one.BeginAsync(isolation);
        await one.WriteAsync("balance", 100);
        await one.CommitAsync();

        await one.BeginAsync(isolation);
        await other.BeginAsync(isolation);
        await interleave(one, other);

        await one.BeginAsync(isolation);
        await one.ReadListAsync("x");
        await one.ReadListAsync("y");
        await one.ReadAsync("balance");
        await one.CommitAsync();
        return HistoryChecker.Check(table.History);
    }
}
