using Xunit;

namespace Coordinator.Tests;

/// <summary>Waits for what real threads do. The limit is there for a test that would else never end; none rests on it.</summary>
internal static class Waiting
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    /// <summary>What comes, or a failure that says what did not.</summary>
    public static async Task<T> OrFailAsync<T>(this Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(s_limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"Within {s_limit.TotalSeconds} s no {what}.");
            throw;
        }
    }
}
