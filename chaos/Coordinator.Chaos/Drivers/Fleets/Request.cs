namespace Coordinator.Chaos.Drivers.Fleets;

/// <summary>A line that was sent to a host, and what came of it.</summary>
internal sealed class Request(int number, Operation? operation, ToldTransaction? subject)
{
    private readonly TaskCompletionSource<string?> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Number => number;

    /// <summary>What the client means to do; null of a question.</summary>
    public Operation? Operation => operation;

    /// <summary>The transaction that it asks about.</summary>
    public ToldTransaction? Subject => subject;

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
