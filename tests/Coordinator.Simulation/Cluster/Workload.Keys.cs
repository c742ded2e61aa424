using Coordinator.Protocol;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <content>Clients that send the same few requests again and again, to any host, under their idempotency keys.</content>
internal sealed partial class Workload
{
    private const int KeyCount = 6;

    private async Task SendAgainAsync(SeededRandom random)
    {
        while (_left > 0)
        {
            await cluster.Loop.DelayAsync(random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(500)));
            var host = cluster.Hosts[random.Below(cluster.Hosts.Count)];
            if (_left > 0 && host.IsUp)
            {
                var (process, number, mode) = (host.Process!, random.Below(KeyCount), random.Chance(0.3) ? ConcurrencyMode.Optimistic : ConcurrencyMode.Pessimistic);
                process.Start(() => SendAsync(host, process, new IdempotencyKey($"request {number}"), new TransactionOptions { Mode = mode }));
            }
        }
    }

    /// <summary>What the work finds once an attempt before it has had its effect: as a shop that has sold its last one, it gives up, or throws.</summary>
    private async Task<bool> TryTakeAsync(ITransaction transaction, TransactionRecord record, IdempotencyKey key)
    {
        var stream = new StreamName($"taken-{key.Value.Replace(' ', '-')}");
        var isTaken = false;
        await WorkAtAsync(transaction, record, stream, async work =>
        {
            var taken = await work.UpdateStateAsync<Setting>(stream.Value);
            record.Operations.Add(new MicroOperation.Read(stream.Value, taken.Value?.Number));
            if (taken.Value is { } before)
            {
                isTaken = before.Number % 2 == 0 ? throw new WorkThrewException() : true;
                return;
            }

            var setting = new Setting(++_numbers);
            taken.Set(setting);
            record.Writes.Add((stream, setting));
            record.Operations.Add(new MicroOperation.Write(stream.Value, setting.Number));
        });
        return !isTaken;
    }

    private async Task SendAsync(Host host, SimulatedProcess process, IdempotencyKey key, TransactionOptions options)
    {
        var (attempts, sentAt) = (new List<TransactionRecord>(), cluster.Loop.Trace.Count);
        try
        {
            var outcome = await host.Engine!.RunAsync(
                async transaction =>
                {
                    var record = Record(host, transaction, "request");
                    attempts.Add(record);
                    cluster.History.Attempts.Add((key.Value, record.Id));
                    if (!await TryTakeAsync(transaction, record, key))
                    {
                        await transaction.AbortAsync("taken");
                        return;
                    }

                    await MoveAsync(transaction, record, 0, -1);
                    await MoveAsync(transaction, record, 1, 1);
                    record.AsksToCommit = true;
                },
                options with { Key = key });
            cluster.Loop.Trace.Note(process, $"{key} told {outcome.GetType().Name} of {outcome.Id}");
            cluster.History.Requests.Add(new RequestTold(key, outcome, sentAt, cluster.Loop.Trace.Count));
            cluster.Reach(outcome switch
            {
                TransactionOutcome.Committed { IsEarlierAttempt: true } => SituationTable.RequestDoneBefore,
                TransactionOutcome.Committed => SituationTable.RequestDone,
                _ => SituationTable.RequestNotDone,
            });
            if (attempts.Find(record => record.Id == outcome.Id) is { } told)
            {
                Tell(host, process, told, outcome);
            }
        }
        catch (WorkThrewException)
        {
            cluster.History.Requests.Add(new RequestTold(key, null, sentAt, cluster.Loop.Trace.Count));
            cluster.Reach(SituationTable.RequestNotDone);
        }
        catch (Exception error) when (error is TransactionException or SimulatedStoreException or LogCorruptException or CallLostException)
        {
            cluster.Loop.Trace.Remark(process, () => error.Message); // the client tries again
        }
        finally
        {
            attempts.ForEach(record => _running.Remove(record));
        }
    }
}
