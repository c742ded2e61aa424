using System.Diagnostics;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Testing.Logs;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>One owner at a time, and what the others see and do.</summary>
public sealed class OwnerLockTests : IAsyncDisposable
{
    private readonly SqliteLogFixture _fixture = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task A_second_store_stands_by_until_the_first_is_closed()
    {
        var first = await OpenAsync(Store());
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var second = Store(told.SetResult);
        var opening = second.OpenAsync(TestLog.Meta, CancellationToken.None).AsTask();

        Assert.StartsWith($"pid {Environment.ProcessId} on {Environment.MachineName} since 2026-01-02T03:04:05Z", await told.Task);
        await _time.FireNextAsync();
        Assert.False(opening.IsCompleted);
        await first.DisposeAsync();
        await _time.FireNextAsync();
        Assert.Equal(TestLog.Meta, (await opening).Meta);
    }

    [Fact]
    public async Task Who_stands_by_can_be_cancelled()
    {
        await using var first = await OpenAsync(Store());
        await using var second = Store();
        using var cancellation = new CancellationTokenSource();
        var opening = second.OpenAsync(TestLog.Meta, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        await CommitAsync(first);
    }

    [Fact]
    public async Task The_lock_file_stays_when_the_owner_goes()
    {
        await using (await OpenAsync(Store()))
        {
        }

        Assert.True(File.Exists(OwnerLock.PathOf(_fixture.Options.DataSource)));
    }

    [Fact]
    public async Task A_link_to_the_database_leads_to_the_same_lock()
    {
        await using var first = await OpenAsync(Store());
        var link = Path.Combine(_fixture.Folder, "link.db");
        File.CreateSymbolicLink(link, _fixture.Options.DataSource);
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var cancellation = new CancellationTokenSource();
        await using var second = Store(told.SetResult, new SqliteLogOptions { DataSource = link });
        var opening = second.OpenAsync(TestLog.Meta, cancellation.Token).AsTask();
        await told.Task;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
    }

    [Fact]
    public async Task A_lock_held_by_another_process_is_waited_for_and_falls_with_that_process()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/flock"), "needs the flock command");
        var path = OwnerLock.PathOf(_fixture.Options.DataSource);
        using var other = Process.Start(new ProcessStartInfo("/usr/bin/flock", [path, "-c", "echo taken; exec cat"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("taken", await other.StandardOutput.ReadLineAsync());

        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var store = Store(told.SetResult);
        var opening = store.OpenAsync(TestLog.Meta, CancellationToken.None).AsTask();
        await told.Task;
        other.Kill(entireProcessTree: true);
        await other.WaitForExitAsync();
        for (Task? fired = null; !opening.IsCompleted;)
        {
            fired = fired is { IsCompleted: false } ? fired : _time.FireNextAsync();
            await Task.WhenAny(opening, fired);
        }

        Assert.Equal(TestLog.Meta, (await opening).Meta);
    }

    public async ValueTask DisposeAsync()
    {
        _time.Dispose();
        await _fixture.DisposeAsync();
    }

    private AdoNetLogStore Store(Action<string>? standingBy = null, SqliteLogOptions? options = null) => new(
        new SqliteLogDialect(options ?? _fixture.Options, _time, NullLogger.Instance, standingBy), _time);

    private static async Task<ILogStore> OpenAsync(AdoNetLogStore store)
    {
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        return store;
    }

    private static async Task CommitAsync(ILogStore store)
    {
        var log = await TestLog.ClaimAsync(store, writer: 1, shard: 0);
        await log.CommitAsync(new StreamWrite("a", 0));
    }
}
