namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>A line that was sent to a host, and what came of it.</summary>
internal sealed class Request(int number, ToldTransaction? subject, bool isReadOnly)
{
    private readonly TaskCompletionSource<string?> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Number => number;

    /// <summary>The transaction that it asks about.</summary>
    public ToldTransaction? Subject => subject;

    /// <summary>What it begins writes nothing.</summary>
    public bool IsReadOnly => isReadOnly;

    /// <summary>The transaction that was begun for it.</summary>
    public ToldTransaction? Transaction { get; set; }

    /// <summary>The answer; null if the host ended without one.</summary>
    public Task<string?> Answer => _answer.Task;

    public void Complete(string? answer) => _answer.TrySetResult(answer);

    /// <summary>The answer, or null if the host has ended or takes longer than that.</summary>
    public async Task<string?> AnswerWithinAsync(TimeSpan patience)
    {
        try
        {
            return await Answer.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }
}
