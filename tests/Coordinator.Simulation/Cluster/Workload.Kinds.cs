using Coordinator.Protocol;
using Coordinator.Testing.Histories;

namespace Coordinator.Simulation;

/// <content>What the transactions do.</content>
internal sealed partial class Workload
{
    private sealed record Kind(string Name, Func<Host, ITransaction, TransactionRecord, Task> RunAsync);

    private Kind DrawKind() => _random.Below(100) switch
    {
        < 42 => new Kind("transfer", TransferAsync),
        < 50 => new Kind("check", CheckAsync),
        < 58 => new Kind("audit", AuditAsync),
        < 64 => new Kind("several", SeveralAsync),
        < 69 => new Kind("look", LookAsync),
        < 74 => new Kind("publish", PublishAsync),
        < 79 => new Kind("setting", SetAsync),
        < 82 => new Kind("upgrade", UpgradeAsync),
        < 86 => new Kind("user aborts", AbortAsync),
        < 89 => new Kind("work throws", ThrowAsync),
        < 92 => new Kind("gives up waiting", GiveUpAsync),
        < 94 => new Kind("lingers", LingerAsync),
        < 96 => new Kind("oversize", OversizeAsync),
        < 98 => new Kind("commits in a call", CommitInCallAsync),
        98 => _random.Below(4) switch
        {
            0 => new Kind("disposed", DisposeAsync),
            1 => new Kind("works on after its end", WorkOnAsync),
            _ => new Kind("opens only", OpenOnlyAsync),
        },
        _ => new Kind("too many participants", TooManyAsync),
    };

    private async Task MoveAsync(ITransaction transaction, TransactionRecord record, int account, long amount)
    {
        var stream = AccountAt(account);
        await WorkAtAsync(transaction, record, stream, async work =>
        {
            var opened = await work.UpdateAsync<Account>($"{account}");
            Found(record, stream, opened.Version, opened.State);
            var moved = new Moved(amount, ++_numbers);
            opened.Raise(moved);
            record.Writes.Add((stream, moved));
            record.Operations.Add(new MicroOperation.Write(stream.Value, moved.Number, opened.Version + 1));
        });
    }

    private void Found(TransactionRecord record, Protocol.StreamName stream, long version, Account state)
    {
        record.Reads.Add((stream, version));
        record.Balances.Add((stream, version, state.Balance));
        record.Operations.Add(new MicroOperation.Read(stream.Value, state.Last, version));
        if (version > (cluster.Ledger.Streams.GetValueOrDefault(stream)?.Count ?? 0))
        {
            cluster.Reach(SituationTable.WentOnEarly);
        }
    }

    private async Task ReadAsync(ITransaction transaction, TransactionRecord record, int account, Action<long>? found = null)
    {
        var stream = AccountAt(account);
        await WorkAtAsync(transaction, record, stream, async work =>
        {
            var view = await work.ReadAsync<Account>($"{account}");
            Found(record, stream, view.Version, view.State);
            found?.Invoke(view.State.Balance);
        });
    }

    private async Task PauseAsync(Host host)
    {
        if (_random.Chance(0.3))
        {
            await (_random.Chance(0.2) ? host.Process!.DelayAsync(_random.Between(TimeSpan.Zero, cluster.Plan.Pace)) : host.Process!.YieldAsync());
        }
    }

    private async Task TransferAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        await CommitAsync(host, transaction, record);
    }

    private async Task TransferOnlyAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var from = _random.Below(cluster.Plan.Accounts);
        var to = (from + 1 + _random.Below(cluster.Plan.Accounts - 1)) % cluster.Plan.Accounts;
        (from, to) = _random.Chance(0.3) ? (from, to) : (Math.Min(from, to), Math.Max(from, to)); // one in three may deadlock
        var amount = _random.Between(1, 20);
        if (_random.Chance(0.35))
        {
            // Who only reads leaves with its vote, so that a slow vote of another may come to the log when the read has become old.
            await ReadAsync(transaction, record, _random.Below(Math.Min(4, cluster.Plan.Accounts)));
            await PauseAsync(host);
        }

        await MoveAsync(transaction, record, from, -amount);
        await PauseAsync(host);
        await MoveAsync(transaction, record, to, amount);
        if (_random.Chance(0.25))
        {
            await NoteAsync(transaction, record);
        }
    }

    /// <summary>Rests on what it only reads, which others write.</summary>
    private async Task CheckAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var others = cluster.Plan.Accounts - 1;
        await ReadAsync(transaction, record, 0);
        await MoveAsync(transaction, record, 1 + _random.Below(others), 0);
        await NoteAsync(transaction, record);
        await CommitAsync(host, transaction, record);
    }

    private async Task NoteAsync(ITransaction transaction, TransactionRecord record, int length = 10)
    {
        var stream = new Protocol.StreamName($"notes-{_random.Below(2)}");
        var noted = new Noted(++_numbers, new string('x', length));
        await PublishAsync(transaction, record, stream, noted);
    }

    private Task PublishAsync(ITransaction transaction, TransactionRecord record, Protocol.StreamName stream, Noted noted) =>
        WorkAtAsync(transaction, record, stream, async work =>
        {
            await work.PublishAsync(stream.Value, noted);
            record.Writes.Add((stream, noted));
            record.Operations.Add(new MicroOperation.Append(stream.Value, noted.Number));
        });

    private async Task SeveralAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var legs = Math.Min(_random.Between(3, 5), cluster.Plan.Accounts);
        var first = _random.Below(cluster.Plan.Accounts - legs + 1);
        var sum = 0L;
        for (var leg = 0; leg < legs; leg++)
        {
            var amount = leg == legs - 1 ? -sum : _random.Between(-10, 10);
            sum += amount;
            await MoveAsync(transaction, record, first + leg, amount);
            await PauseAsync(host);
        }

        await CommitAsync(host, transaction, record);
    }

    private async Task AuditAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var accounts = Math.Min(cluster.Plan.Accounts, cluster.Plan.Options.ParticipantsMax);
        var sum = 0L;
        for (var account = 0; account < accounts; account++)
        {
            await ReadAsync(transaction, record, account, balance => sum += balance);
            await PauseAsync(host);
        }

        if (accounts == cluster.Plan.Accounts)
        {
            record.Sum = sum;
        }

        await CommitAsync(host, transaction, record);
    }

    private async Task LookAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await ReadAsync(transaction, record, _random.Below(cluster.Plan.Accounts));
        if (_random.Chance(0.5))
        {
            var stream = new Protocol.StreamName("setting-0");
            await WorkAtAsync(transaction, record, stream, async work =>
            {
                var setting = await work.ReadStateAsync<Setting>(stream.Value);
                record.Reads.Add((stream, setting.Version));
                record.Operations.Add(new MicroOperation.Read(stream.Value, setting.Value?.Number, setting.Version));
            });
        }

        await CommitAsync(host, transaction, record);
    }

    /// <summary>Takes locks to write and then does not: what it commits is what it has read.</summary>
    private async Task OpenOnlyAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        for (var account = _random.Below(2); account < 3; account += 2)
        {
            var (id, stream) = ($"{account}", AccountAt(account));
            await WorkAtAsync(transaction, record, stream, async work =>
            {
                var opened = await work.UpdateAsync<Account>(id);
                Found(record, stream, opened.Version, opened.State);
            });
        }

        await CommitAsync(host, transaction, record);
    }

    private async Task PublishAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        for (var events = _random.Between(1, 4); events > 0; events--)
        {
            await NoteAsync(transaction, record);
        }

        await CommitAsync(host, transaction, record);
    }

    private async Task SetAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var stream = new Protocol.StreamName($"setting-{_random.Below(2)}");
        await WorkAtAsync(transaction, record, stream, async work =>
        {
            var state = await work.UpdateStateAsync<Setting>(stream.Value);
            record.Operations.Add(new MicroOperation.Read(stream.Value, state.Value?.Number));
            var setting = new Setting(++_numbers);
            state.Set(setting);
            record.Writes.Add((stream, setting));
            record.Operations.Add(new MicroOperation.Write(stream.Value, setting.Number));
        });
        await CommitAsync(host, transaction, record);
    }

    /// <summary>Reads first and then wants to write: with another that does so, neither can go on.</summary>
    private async Task UpgradeAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var account = _random.Below(cluster.Plan.Accounts);
        await ReadAsync(transaction, record, account);
        await host.Process!.DelayAsync(_random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(50)));
        await MoveAsync(transaction, record, account, 5);
        await MoveAsync(transaction, record, (account + 1) % cluster.Plan.Accounts, -5);
        await CommitAsync(host, transaction, record);
    }

    private async Task AbortAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        var failed = cluster.Log.ReadsFailed;
        var outcome = await transaction.AbortAsync("on second thoughts");
        Tell(host, host.Process!, record, outcome);
        if (cluster.Plan.IsCluster && failed == cluster.Log.ReadsFailed && outcome is TransactionOutcome.Aborted { Cause.Reason: AbortReason.Requested })
        {
            record.GaveUpOnWhatStood = true;
            cluster.Reach(SituationTable.GaveUpOnWhatStood);
        }
    }

    private async Task ThrowAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        throw new WorkThrewException();
    }

    private async Task GiveUpAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        var process = host.Process!;
        await TransferOnlyAsync(host, transaction, record);
        var patience = new CancellationTokenSource(); // not disposed: it may run out when the transaction has long ended
        process.After(_random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(20)), patience.Cancel);
        await CommitAsync(host, transaction, record, patience.Token);
        if (record.Told[^1].Outcome is TransactionOutcome.Unknown)
        {
            cluster.Reach(SituationTable.GaveUpWaiting);
            await process.DelayAsync(_random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(100)));
            await AskAsync(host, process, record.Id);
        }
    }

    private async Task LingerAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        await host.Process!.DelayAsync(cluster.Plan.Options.TransactionTimeout * (0.8 + (_random.Share() * 0.4)));
        await CommitAsync(host, transaction, record);
    }

    private async Task OversizeAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        await NoteAsync(transaction, record, cluster.Plan.Options.RedoBytesMax);
        await CommitAsync(host, transaction, record);
    }

    private async Task CommitInCallAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await MoveAsync(transaction, record, 0, 1);
        var running = MoveAsync(transaction, record, 1, -1);
        await CommitAsync(host, transaction, record);
        await running;
    }

    private async Task DisposeAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        await transaction.DisposeAsync();
    }

    private async Task WorkOnAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        await TransferOnlyAsync(host, transaction, record);
        await CommitAsync(host, transaction, record);
        await transaction.ReadAsync<Account>("0");
        cluster.Violations.Add(new Violation("I12", $"{record} has ended and still works"));
    }

    private async Task TooManyAsync(Host host, ITransaction transaction, TransactionRecord record)
    {
        for (var i = 0; i <= cluster.Plan.Options.ParticipantsMax && i < 10; i++)
        {
            var stream = new Protocol.StreamName($"many-{i}");
            var noted = new Noted(++_numbers, "one of many");
            await PublishAsync(transaction, record, stream, noted);
        }

        await CommitAsync(host, transaction, record);
    }
}
