using System.Globalization;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Protocol;

namespace Coordinator.Chaos.Victims;

/// <summary>The work that every victim can do, against the product's own interfaces; see README.md.</summary>
internal sealed class VictimWork(ITransactions transactions, IEventLog events)
{
    /// <summary>The answer to a request; null if the verb is none of work.</summary>
    public async ValueTask<string?> AnswerAsync(string verb, string request, string rest)
    {
        var announced = new AnnouncedTransactions(transactions, request, VictimLines.Say);
        var words = rest.Split(' ');
        return verb switch
        {
            "open" => await BankWork.OpenAsync(announced, words[0], Number(words[1]), Number(words[2])),
            "transfer" => await BankWork.TransferAsync(announced, words[0], words[1], Number(words[2]), words.ElementAtOrDefault(3)),
            "balances" => await BankWork.BalancesAsync(announced, words[0], Number(words[1])),
            "lists" => await ListWork.AnswerAsync(announced, rest),
            "publish" => await FeedWork.PublishAsync(announced, words[0].Split(','), Number(words[1])),
            "consume" => await FeedWork.ConsumeAsync(announced, events, words[0], words[1], Number(words[2])),
            "read" => await FeedWork.ReadAsync(events, words[0], Number(words[1]), Number(words[2])),
            "ask" => AnnouncedTransactions.WordOf(await transactions.OutcomeOfAsync(TransactionId.Parse(rest))),
            _ => null,
        };
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
