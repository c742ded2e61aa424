using System.Globalization;
using Coordinator.Chaos.Silo.Grains;
using Coordinator.Chaos.Victims;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Silo;

/// <summary>The work of victims as an application of Orleans does it: transactions over grains, wherever those are.</summary>
internal sealed class SiloWork(ITransactions transactions, IEventLog events, IGrainFactory grains)
{
    private const int OpenedAtOnce = 30, TakenBackEvery = 25;

    // What grains don't do: questions, and feeds, which belong to nobody.
    private readonly VictimWork _embedded = new(transactions, events);

    /// <summary>The answer to a request; null if the verb is none of work.</summary>
    public async ValueTask<string?> AnswerAsync(string verb, string request, string rest)
    {
        var announced = new AnnouncedTransactions(transactions, request, VictimLines.Say);
        var words = rest.Split(' ');
        return verb switch
        {
            "open" => await OpenAsync(announced, words[0], Number(words[1]), Number(words[2])),
            "transfer" => await TransferAsync(announced, words[0], words[1], Number(words[2]), words.ElementAtOrDefault(3)),
            "balances" => await BalancesAsync(announced, words[0], Number(words[1])),
            "lists" => await ListsAsync(announced, rest),
            "consume" => await ConsumeAsync(announced, words[0], words[1], Number(words[2])),
            _ => await _embedded.AnswerAsync(verb, request, rest),
        };
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private IAccountGrain Account(string id) => grains.GetGrain<IAccountGrain>(id);

    private async Task<string> OpenAsync(AnnouncedTransactions announced, string set, int count, int amount)
    {
        foreach (var some in BankWork.Accounts(set, count).Chunk(OpenedAtOnce))
        {
            var outcome = await announced.RunAsync(_ => Task.WhenAll(some.Select(id => Account(id).Open(amount))));
            outcome.EnsureCommitted();
        }

        return "opened";
    }

    /// <summary>Some move money one account after the other, some both at once.</summary>
    private async Task<string> TransferAsync(AnnouncedTransactions announced, string from, string to, int amount, string? key)
    {
        var outcome = await announced.RunAsync(
            async transaction =>
            {
                var paid = Account(from).Move(-amount, key);
                var isCovered = amount % 2 == 0 ? await paid : (await Task.WhenAll(paid, Account(to).Move(amount, key)))[0];
                if (!isCovered)
                {
                    await transaction.AbortAsync("short of money");
                }
                else if (amount % 2 == 0)
                {
                    await Account(to).Move(amount, key);
                }
            },
            BankWork.TransferOptions(from, to, amount, key));
        return BankWork.TransferAnswer(outcome, key);
    }

    private async Task<string> BalancesAsync(AnnouncedTransactions announced, string set, int count)
    {
        Balance[] balances = [];
        var outcome = await announced.RunAsync(async _ => balances = await Task.WhenAll(BankWork.Accounts(set, count).Select(id => Account(id).Balance())));
        return !outcome.IsCommitted ? "not done"
            : Array.Find(balances, static balance => balance.InPurse is { } amount && amount != balance.Amount) is { } torn ? $"broken: a purse does not hold what its account does: {torn}"
            : "done " + string.Join(',', balances.Select(static balance => balance.Amount));
    }

    /// <summary>One in three locks nothing before it commits.</summary>
    private async Task<string> ListsAsync(AnnouncedTransactions announced, string plan)
    {
        var done = new List<MicroOperation>();
        var outcome = await announced.RunAsync(
            transaction => CarryOutAsync(transaction, HistoryText.ParseOperations(plan), done),
            new TransactionOptions { Mode = plan.Length % 3 == 0 ? ConcurrencyMode.Optimistic : ConcurrencyMode.Pessimistic });
        return outcome.IsCommitted ? "done " + HistoryText.Format(done) : "not done";
    }

    private async Task CarryOutAsync(ITransaction transaction, IReadOnlyList<MicroOperation> plan, List<MicroOperation> done)
    {
        done.Clear(); // of an attempt that was aborted nobody may see anything
        var appends = plan.OfType<MicroOperation.Append>().ToArray();
        foreach (var operation in plan)
        {
            var list = grains.GetGrain<IListGrain>(operation.Key);
            if (operation is MicroOperation.Append append)
            {
                done.Add(append); // before it is done: of an aborted transaction it must be known that nobody may see it
                await list.Append(append.Element);
            }
            else
            {
                // An exclusive lock at once where a read leads to an append: two that upgraded would be in each other's way.
                var elements = await list.Read(isToChange: Array.Exists(appends, one => one.Key == operation.Key));
                done.Add(new MicroOperation.ReadList(operation.Key, [.. elements]));
            }
        }

        if (Array.Exists(appends, static append => append.Element % TakenBackEvery == 0))
        {
            await transaction.AbortAsync("on second thoughts"); // of which nobody may see anything
        }
    }

    private async Task<string> ConsumeAsync(AnnouncedTransactions announced, string consumer, string feed, int count)
    {
        var consumed = 0;
        var outcome = await announced.RunAsync(async _ => consumed = await grains.GetGrain<IConsumerGrain>(consumer).Consume(feed, count));
        return outcome.IsCommitted ? string.Create(CultureInfo.InvariantCulture, $"done {consumed}") : "not done";
    }
}
