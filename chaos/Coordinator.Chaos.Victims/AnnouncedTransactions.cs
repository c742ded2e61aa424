using Coordinator.Protocol;
using Polly;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// The real transactions, each of which is announced by its id before its work begins, and its outcome as soon as it is told:
/// whoever listens knows of everything that could be in the log.
/// </summary>
internal sealed class AnnouncedTransactions(ITransactions inner, string request, Action<string> say) : ITransactions
{
    public Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default) =>
        RunAsync(work, new TransactionOptions(), cancellation);

    public async Task<TransactionOutcome> RunAsync(
        Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation = default)
    {
        var id = default(TransactionId);
        var worked = false;
        try
        {
            var outcome = await inner.RunAsync(
                async transaction =>
                {
                    id = transaction.Id;
                    say($"begun {request} {id}");
                    await work(transaction);
                    worked = true;
                },
                options with { Reruns = ResiliencePipeline<TransactionOutcome>.Empty }, // one request, one transaction: the clients take its outcome for the request's
                cancellation);
            if (id.IsEmpty && outcome is TransactionOutcome.Aborted)
            {
                say($"begun {request} {outcome.Id}"); // it gave up waiting for its key, and no work of it ever ran
            }

            say($"told {outcome.Id} {WordOf(outcome)}");
            return outcome;
        }
        catch (Exception) when (!id.IsEmpty && !worked)
        {
            say($"told {id} aborted"); // what the guide promises of work that throws
            throw;
        }
    }

    public ITransaction Begin(TransactionOptions? options = null) => throw new NotSupportedException("Victims run their transactions as a whole.");

    public ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default) =>
        inner.OutcomeOfAsync(id, cancellation);

    public ValueTask<TransactionOutcome?> OutcomeOfAsync(IdempotencyKey key, CancellationToken cancellation = default) =>
        inner.OutcomeOfAsync(key, cancellation);

    public static string WordOf(TransactionOutcome outcome) => outcome switch
    {
        TransactionOutcome.Committed => "committed",
        TransactionOutcome.Aborted => "aborted",
        _ => "unknown",
    };
}
