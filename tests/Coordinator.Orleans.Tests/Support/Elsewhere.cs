namespace Coordinator.Orleans.Tests;

/// <summary>Acts as another application would: no part of the transaction that the caller runs in.</summary>
internal static class Elsewhere
{
    public static Task<T> RunAsync<T>(Func<Task<T>> act)
    {
        using var flow = ExecutionContext.SuppressFlow();
        return Task.Run(act);
    }
}
