using Coordinator.Hosting;
using Polly;
using Polly.Retry;

namespace Coordinator.Client;

/// <summary>What runs a transaction's work again.</summary>
internal static class Reruns
{
    private const int CountMax = 30;
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan DelayMax = TimeSpan.FromMilliseconds(100);

    /// <summary>What is told of an aborted attempt under a key that another one under the same key may have been in the way of.</summary>
    public static TransactionOutcome.Unknown Doubted(TransactionOutcome.Aborted aborted) => new(
        aborted.Id, $"This attempt was aborted ({aborted.Cause}), but another one under its key may be under way on another host. Ask again with the key.");

    /// <summary>The user's strategies.</summary>
    public static ResiliencePipeline<TransactionOutcome> Build(Action<ResiliencePipelineBuilder<TransactionOutcome>> configure, TimeProvider time)
    {
        var builder = new ResiliencePipelineBuilder<TransactionOutcome> { TimeProvider = time };
        configure(builder);
        return builder.Build();
    }

    /// <summary>
    /// Ours. Its age keeps the work from losing for ever; the delays only spare the attempts that would lose to the same transaction again.
    /// </summary>
    public static ResiliencePipeline<TransactionOutcome> Default(TimeProvider time, IRandomSource random) =>
        new ResiliencePipelineBuilder<TransactionOutcome> { TimeProvider = time }.AddRetry(new RetryStrategyOptions<TransactionOutcome>
        {
            ShouldHandle = static arguments => new(arguments.Outcome.Result is TransactionOutcome.Aborted { IsWorthRerun: true }),
            MaxRetryAttempts = CountMax,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = Delay,
            MaxDelay = DelayMax,
            Randomizer = () => (random.Next() >> 11) / (double)(1UL << 53),
        }).Build();
}
