using System.Reflection;
using Coordinator.Log;

namespace Coordinator.Orleans.Tests;

/// <summary>A log store of which only this is known: that hosts can't share it.</summary>
public class OneProcessLog : DispatchProxy
{
    internal static ILogStore Create() => Create<ILogStore, OneProcessLog>();

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod?.Name switch
    {
        "get_Description" => "file",
        "get_Beats" => null,
        nameof(IAsyncDisposable.DisposeAsync) => ValueTask.CompletedTask,
        var other => throw new NotSupportedException(other),
    };
}
