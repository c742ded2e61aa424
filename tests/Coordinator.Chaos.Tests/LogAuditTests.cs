using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Chaos.Victims.Work;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Coordinator.Chaos.Tests;

/// <summary>The audit of a log that a real host has written.</summary>
public sealed class LogAuditTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coordinator-audit-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_decision_says_how_many_rows_it_has()
    {
        await using var log = await WriteAsync();

        var window = await new LogAudit().ReadAsync(log);

        Assert.Empty(window.Faults);
        Assert.Equal(window.Rows.CountBy(row => row.Transaction).OrderBy(one => one.Key, StringComparer.Ordinal), window.Decisions.Select(one => KeyValuePair.Create(one.Transaction, one.RowCount!.Value)).OrderBy(one => one.Key, StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("DELETE FROM coordinator_event WHERE stream = 'account/a.1' AND version = 2")]
    [InlineData("INSERT INTO coordinator_event SELECT stream || '.late', version, kind, append_writer, append_number, transaction_id, epoch, checkpoint, shard, position, previous_shard, previous_position, type, type_version, written_at, checksum, payload FROM coordinator_event WHERE stream = 'account/a.1' AND version = 2")]
    public async Task A_row_that_goes_or_comes_behind_the_last_look_is_noticed(string change)
    {
        await using var log = await WriteAsync();
        var audit = new LogAudit();
        await audit.ReadAsync(log);
        Assert.Null(await audit.RecountAsync(log));

        await using var command = log.CreateCommand();
        command.CommandText = change;
        Assert.Equal(1, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));

        Assert.Empty((await audit.ReadAsync(log)).Faults); // for it reads what is new
        Assert.Contains("up to where it was judged", await audit.RecountAsync(log), StringComparison.Ordinal);
    }

    /// <summary>A connection to the log of a host that has opened two accounts and moved money three times.</summary>
    private async Task<SqliteConnection> WriteAsync()
    {
        var file = Path.Combine(_folder.FullName, "audit.db");
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddCoordinator().AddEventsFrom(typeof(Account).Assembly).UseSqlite(file);
        using (var host = builder.Build())
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            var transactions = host.Services.GetRequiredService<ITransactions>();
            await BankWork.OpenAsync(transactions, "a", 2, 100);
            for (var number = 0; number < 3; number++)
            {
                Assert.Equal("done", await BankWork.TransferAsync(transactions, "a.1", "a.2", 10, key: null));
            }

            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}
