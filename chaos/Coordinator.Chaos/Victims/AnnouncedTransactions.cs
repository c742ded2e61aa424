using Coordinator.Protocol;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// The real transactions, each of which is announced by its id before its work begins, and its outcome as soon as it is told:
/// whoever listens knows of everything that could be in the log.
/// </summary>
internal sealed class AnnouncedTransactions(ITransactions inner, string request, Action<string> say) : ITransactions
{
    public async Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default)
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
                cancellation);
            say($"told {outcome.Id} {WordOf(outcome)}");
            return outcome;
        }
        catch (Exception) when (!id.IsEmpty && !worked)
        {
            say($"told {id} aborted"); // what the guide promises of work that throws
            throw;
        }
    }

    public ITransaction Begin() => throw new NotSupportedException("The shop runs its transactions as a whole.");

    public ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default) =>
        inner.OutcomeOfAsync(id, cancellation);

    public static string WordOf(TransactionOutcome outcome) => outcome switch
    {
        TransactionOutcome.Committed => "committed",
        TransactionOutcome.Aborted => "aborted",
        _ => "unknown",
    };
}
