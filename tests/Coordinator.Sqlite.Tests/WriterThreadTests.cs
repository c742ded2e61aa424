using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>Whose code runs on the thread that writes: a user's there could stop every write, or wait for that thread on itself.</summary>
public sealed class WriterThreadTests : IAsyncDisposable
{
    private const string WriterThread = "coordinator-log-writer";
    private readonly SqliteLogFixture _fixture = new();

    [Fact]
    public async Task Opening_and_claiming_go_on_elsewhere()
    {
        await using var store = _fixture.Create();
        Assert.NotEqual(WriterThread, await ThreadBehindAsync(store.OpenAsync(TestLog.Meta, CancellationToken.None))); // it writes a first row
        var log = TestLog.Unowned(store, shard: 0, writer: 7);
        Assert.NotEqual(WriterThread, await ThreadBehindAsync(store.ClaimAsync(log.Claim(guard: 0))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Only_who_asks_for_it_goes_on_on_the_writers_thread_behind_a_group(bool asks)
    {
        await using var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        var log = await TestLog.ClaimAsync(store, writer: 7, shard: 0);
        _fixture.Faults.Arm(AppendFault.StallAtCommit); // it must not be answered before it is awaited
        var thread = ThreadBehindAsync(store.AppendAsync(log.Group(new StreamWrite("a", 0)) with { ContinuesOnWriter = asks }));
        await _fixture.Faults.Stalled;
        _fixture.Faults.Release();

        Assert.Equal(asks, await thread == WriterThread);
    }

    private static async Task<string?> ThreadBehindAsync<T>(ValueTask<T> task)
    {
        await task.ConfigureAwait(false);
        var name = Thread.CurrentThread.Name;
        await Task.Yield(); // the test itself goes on elsewhere
        return name;
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();
}
