using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Waits for what other threads and processes do. The limit is there for a test that would else never end; none rests on it.</summary>
internal static class Waiting
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>What comes, or a failure that says what did not.</summary>
    public static async Task<T> OrFailAsync<T>(this Task<T> task, string what)
    {
        await ((Task)task).OrFailAsync(what);
        return await task;
    }

    /// <inheritdoc cref="OrFailAsync{T}"/>
    public static async Task OrFailAsync(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(s_limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"Within {s_limit.TotalSeconds} s no {what}.");
        }
    }

    /// <summary>Looks again and again, for what nobody announces, until it holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var look = new PeriodicTimer(s_look);
        while (!await holds())
        {
            try
            {
                await look.WaitForNextTickAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"Within {s_limit.TotalSeconds} s no {what}.");
            }
        }
    }

    /// <inheritdoc cref="UntilAsync(Func{Task{bool}}, string)"/>
    public static Task UntilAsync(Func<bool> holds, string what) => UntilAsync(() => Task.FromResult(holds()), what);
}
