using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Coordinator.PostgreSql.Tests;

/// <summary>Remembers which messages were logged.</summary>
internal sealed class ListLogger : ILogger
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<int, TaskCompletionSource> _seen = new();

    /// <summary>Completes when a message of this id has been logged.</summary>
    public Task HasAsync(int id) => Seen(id).Task.WaitAsync(s_patience);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Seen(eventId.Id).TrySetResult();

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    private TaskCompletionSource Seen(int id) =>
        _seen.GetOrAdd(id, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
}
