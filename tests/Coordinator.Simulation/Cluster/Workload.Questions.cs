using Coordinator.Protocol;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <content>Someone who asks what became of transactions: of any of them, of any host, at any time.</content>
internal sealed partial class Workload
{
    /// <summary>More would not be read within the time of the shortest transactions, one call after the other.</summary>
    private int ProbedMax => Math.Min(8, Math.Min(cluster.Plan.Accounts, cluster.Plan.Options.ParticipantsMax));

    /// <summary>Asks one host. Every answer is kept: "aborted" must stay true for ever (I8).</summary>
    public async Task<TransactionOutcome?> AskAsync(Host host, SimulatedProcess process, TransactionId id)
    {
        var engine = host.Engine!;
        try
        {
            var outcome = await engine.OutcomeOfAsync(id);
            cluster.Loop.Trace.Note(process, $"{id} asked about: {outcome.GetType().Name}");
            cluster.History.Answers.Add((id, AnswerOf(process, outcome)));
            cluster.Watch.Answered(process, id, outcome);
            return outcome;
        }
        catch (Exception error) when (error is SimulatedStoreException or TransactionRefusedException)
        {
            cluster.Reach(SituationTable.InquiryFailed);
            return null;
        }
        catch (LogCorruptException)
        {
            if (!cluster.Ledger.Damaged.Contains(id))
            {
                cluster.Violations.Add(new Violation("L06", $"{process.Name} can't read the decision of {id}, which is whole"));
            }

            return null;
        }
        catch (ArgumentException)
        {
            // "Never issued by this log". Of an issued one that is a lie.
            cluster.Reach(SituationTable.NeverIssued);
            if (cluster.History.ById.ContainsKey(id))
            {
                cluster.Violations.Add(new Violation("I8", $"{process.Name} says that {id} was never issued"));
            }

            return null;
        }
    }

    /// <summary>Asks one host and waits for what it says; null if it says nothing within a while.</summary>
    public Task<TransactionOutcome?> AskAndWaitAsync(Host host, TransactionId id)
    {
        var answer = new TaskCompletionSource<TransactionOutcome?>();
        var process = host.Process!;
        process.Start(async () => answer.TrySetResult(await AskAsync(host, process, id)));
        cluster.Loop.After(TimeSpan.FromSeconds(5), () => answer.TrySetResult(null));
        return answer.Task;
    }

    /// <summary>One transfer at a host that must be able to; true if it was committed.</summary>
    public Task<bool> ProbeAsync(Host host) => ProbeAsync(host, "probe", async (transaction, record) =>
    {
        await MoveAsync(transaction, record, 0, -1);
        await MoveAsync(transaction, record, 1, 1);
    });

    /// <summary>Reads some accounts wherever they have their places.</summary>
    public Task<bool> ProbeReadsAsync(Host host) => ProbeAsync(host, "probe that reads", async (transaction, record) =>
    {
        for (var account = 0; account < ProbedMax; account++)
        {
            await ReadAsync(transaction, record, account);
        }
    });

    /// <summary>Reads some accounts at the host itself.</summary>
    public Task<bool> ProbeOwnReadsAsync(Host host) => ProbeAsync(host, "probe that reads at its own host", async (transaction, record) =>
    {
        for (var account = 0; account < ProbedMax; account++)
        {
            var view = await transaction.ReadAsync<Account>($"{account}");
            Found(record, AccountAt(account), view.Version, view.State);
        }
    });

    private Task<bool> ProbeAsync(Host host, string kind, Func<ITransaction, TransactionRecord, Task> work)
    {
        var over = new TaskCompletionSource<bool>();
        host.Process!.Start(async () =>
        {
            try
            {
                var transaction = host.Engine!.Begin();
                var record = Record(host, transaction, kind);
                await work(transaction, record);
                await CommitAsync(host, transaction, record);
                _running.Remove(record);
                over.TrySetResult(record.Told[^1].Outcome.IsCommitted);
            }
            catch (Exception error) when (error is TransactionException or CallLostException)
            {
                cluster.Loop.Trace.Remark(host.Process, () => error.Message); // whoever asked sees that nothing was committed
            }

            over.TrySetResult(false);
        });
        cluster.Loop.After(cluster.Plan.LivenessBound, () => over.TrySetResult(false));
        return over.Task;
    }

    private async Task AskAboutAsync()
    {
        while (_left > 0)
        {
            await cluster.Loop.DelayAsync(_random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(200)));
            var host = cluster.Hosts[_random.Below(cluster.Hosts.Count)];
            if (host.IsUp)
            {
                var (process, id) = (host.Process!, AnyId());
                process.Start(() => AskAsync(host, process, id));
            }
        }
    }

    private TransactionId AnyId()
    {
        var known = cluster.History.Transactions[_random.Below(cluster.History.Transactions.Count)].Id;
        if (_random.Chance(0.95))
        {
            return known;
        }

        var invented = _random.Below(3) switch
        {
            0 => new TransactionId(known.Log, known.Shard, known.Epoch, known.ClaimBits, known.Sequence + 100_000),
            1 => new TransactionId(known.Log, known.Shard, known.Epoch, known.ClaimBits ^ 1, known.Sequence),
            _ => new TransactionId(known.Log, known.Shard, known.Epoch + 1_000_000, known.ClaimBits, 1),
        };
        cluster.History.NeverIssued.Add(invented);
        return invented;
    }
}
