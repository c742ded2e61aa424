using System.Collections.Immutable;
using System.Globalization;
using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>Transfers between accounts, and reads of all balances.</summary>
internal sealed class BankWorkload(Arena arena) : Workload(arena)
{
    public const int AccountCount = 24;
    private const int Amount = 100, ReadEvery = 12;
    private static readonly TimeSpan s_openPatience = TimeSpan.FromSeconds(30);

    private sealed record Transfer(ImmutableArray<string> Streams) : Operation(Streams);

    private sealed record ReadOfAll() : Operation([], IsReadOnly: true);

    public override int ClientCount => 5;

    public override IEnumerable<string> Keys => Accounts;

    private IEnumerable<string> Accounts => Enumerable.Range(1, AccountCount).Select(number => StreamOf($"{Arena.Set}.{number}"));

    public static string StreamOf(string account) => $"{Account.Category}/{account}";

    public override async Task OpenAsync()
    {
        var deadline = History.Now + s_openPatience;
        while (await Arena.Fleet.Choose().Send("open", $"{Arena.Set} {AccountCount} {Amount}").AnswerWithinAsync(s_openPatience) is not "opened")
        {
            Arena.Fleet.Suspect(Arena.Fleet.Choose());
            if (History.Now > deadline)
            {
                throw new TimeoutException("No host opens the accounts.");
            }
        }
    }

    public override Task OperateAsync(int client, Random random)
    {
        if (random.Next(ReadEvery) == 0)
        {
            return ReadAsync();
        }

        var (from, to) = (random.Next(AccountCount), random.Next(AccountCount - 1));
        return TransferAsync(from + 1, (to >= from ? to + 1 : to) + 1, random.Next(1, 40));
    }

    public override Task FinishAsync() => ReadAsync();

    public override async Task<IReadOnlyList<LockProbe>> ProbeAsync()
    {
        var probes = await Task.WhenAll(Enumerable.Range(1, AccountCount / 2).Select(payer => ProbeAsync(
            async () => await TransferAsync(payer, payer + (AccountCount / 2), 0) is { Begun: var begun } ? (begun?.Id, begun?.Committed) : default,
            StreamOf($"{Arena.Set}.{payer}"),
            StreamOf($"{Arena.Set}.{payer + (AccountCount / 2)}"))));
        return [.. probes.SelectMany(some => some)];
    }

    public override IEnumerable<CheckReport> Judge(RoundEvidence evidence)
    {
        var reads = evidence.Of<ReadOfAll>().Select(one => new BalanceRead(one.Transaction.Id, Recorded.Of(one.Transaction.Committed), BalancesOf(one.Transaction)));
        var final = evidence.Log.Events.Where(one => one.Type is AccountOpened.Name or MoneyMoved.Name && one.Stream.StartsWith(StreamOf(Arena.Set + "."), StringComparison.Ordinal))
            .GroupBy(one => one.Stream, StringComparer.Ordinal)
            .Select(account => new AccountBalance(account.Key, account.Sum(one => one.Content.GetProperty("amount").GetInt64())));
        yield return BankSumChecker.Check(new BankEvidence([.. Accounts], AccountCount * Amount, [.. reads], [.. final]));
    }

    private Task<Told> TransferAsync(int from, int to, int amount)
    {
        var (payer, payee) = ($"{Arena.Set}.{from}", $"{Arena.Set}.{to}");
        return Arena.Link.AskAsync("transfer", string.Create(CultureInfo.InvariantCulture, $"{payer} {payee} {amount}"), new Transfer([StreamOf(payer), StreamOf(payee)]));
    }

    private Task<Told> ReadAsync() => Arena.Link.AskAsync("balances", $"{Arena.Set} {AccountCount}", new ReadOfAll());

    private ImmutableArray<AccountBalance> BalancesOf(ToldTransaction read) => new Told(read, read.Answer, false).Done is { } balances
        ? [.. balances.Split(',').Zip(Accounts, (balance, account) => new AccountBalance(account, long.Parse(balance, CultureInfo.InvariantCulture)))]
        : [];
}

/// <summary>Words of ours in those of the checkers.</summary>
internal static class Recorded
{
    public static RecordedOutcome Of(bool? committed) => committed switch
    {
        true => RecordedOutcome.Committed,
        false => RecordedOutcome.Aborted,
        null => RecordedOutcome.Unknown,
    };
}
