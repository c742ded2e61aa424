using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Victims.Work;

/// <summary>Carries out reads of lists and appends to them as one transaction, and says what it saw.</summary>
internal static class ListWork
{
    private const int TakenBackEvery = 25;

    /// <summary>Runs them at a host for a client elsewhere. The answer is what the client must know, in one line.</summary>
    public static async Task<string> AnswerAsync(ITransactions transactions, string plan)
    {
        var done = new List<MicroOperation>();
        var outcome = await transactions.RunAsync(transaction => CarryOutAsync(transaction, HistoryText.ParseOperations(plan), done), Options(plan.Length));
        return outcome is TransactionOutcome.Committed ? "done " + HistoryText.Format(done) : "not done";
    }

    /// <summary>One in three locks nothing before it commits.</summary>
    private static TransactionOptions Options(int drawn) => new() { Mode = drawn % 3 == 0 ? ConcurrencyMode.Optimistic : ConcurrencyMode.Pessimistic };

    private static async Task CarryOutAsync(ITransaction transaction, IReadOnlyList<MicroOperation> plan, List<MicroOperation> done)
    {
        done.Clear(); // of an attempt that was aborted nobody may see anything

        // An exclusive lock at once where a read leads to an append: two that upgraded would be in each other's way.
        var appended = plan.OfType<MicroOperation.Append>().Select(append => append.Key).ToHashSet(StringComparer.Ordinal);
        var opened = new Dictionary<string, Aggregate<NumberList>>(StringComparer.Ordinal);
        foreach (var operation in plan)
        {
            if (appended.Contains(operation.Key) && !opened.ContainsKey(operation.Key))
            {
                opened[operation.Key] = await transaction.UpdateAsync<NumberList>(operation.Key);
            }

            if (operation is MicroOperation.Append append)
            {
                done.Add(append); // before it is done: of an aborted transaction it must be known that nobody may see it
                opened[append.Key].Raise(new Appended(append.Element));
            }
            else
            {
                var elements = opened.TryGetValue(operation.Key, out var list)
                    ? list.State.Elements
                    : (await transaction.ReadAsync<NumberList>(operation.Key)).State.Elements;
                done.Add(new MicroOperation.ReadList(operation.Key, [.. elements]));
            }
        }

        if (plan.Any(operation => operation is MicroOperation.Append { Element: var element } && element % TakenBackEvery == 0))
        {
            await transaction.AbortAsync("on second thoughts"); // of which nobody may see anything
        }
    }
}
