using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <content>Someone who reads accounts outside transactions, at any host, and what each such read promises.</content>
internal sealed partial class Workload
{
    // Its own source: whether a run has reads must not shift what else is drawn for it.
    private readonly SeededRandom _reads = new(cluster.Seed ^ 0x5EAD_5EAD);
    private readonly Dictionary<(SimulatedProcess Process, StreamName Stream), long> _found = [];

    private async Task ReadOutsideAsync()
    {
        while (_left > 0)
        {
            await cluster.Loop.DelayAsync(_reads.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(100)));
            var host = cluster.Hosts[_reads.Below(cluster.Hosts.Count)];
            var account = _reads.Below(cluster.Plan.Accounts);
            if (host.IsUp)
            {
                var process = host.Process!;
                process.Start(() => _reads.Chance(0.8) ? ReadOutsideAsync(host, process, account) : ReadAsOfAsync(host, process, account));
            }
        }
    }

    private async Task ReadOutsideAsync(Host host, SimulatedProcess process, int account)
    {
        var (stream, engine) = (AccountAt(account), host.Engine!);
        var before = _found.GetValueOrDefault((process, stream));
        var (epoch, role, told) = (cluster.Ledger.ShardOf(0).OwnerEpoch, engine.Role, LastTold(stream));
        try
        {
            var view = await ((IAggregates)engine).ReadAsync<Account>($"{account}");
            cluster.Loop.Trace.Note(process, $"{stream} read outside at {view.Version}");
            CheckFold(process, stream, view);
            if (view.Version < before)
            {
                cluster.Violations.Add(new Violation("reads", $"{process.Name} read {stream} at {view.Version}, and before that at {before}"));
            }

            // A host that was displaced and does not know it may be late; an owner that is one, and a standby, are not.
            var isOwner = role is HostRole.Owner && engine.Role is HostRole.Owner && engine.Epoch == epoch && cluster.Ledger.ShardOf(0).OwnerEpoch == epoch;
            // In a cluster nobody need be one, but for a second activation, which keeps what it has read until it is given up.
            var isToKnow = cluster.Plan.IsCluster ? cluster.Places.IsSingle(stream) : isOwner || role is HostRole.Standby;
            if (view.Version < told && !view.IsInDoubt && isToKnow)
            {
                cluster.Violations.Add(new Violation("reads", $"{process.Name} read {stream} at {view.Version}, and {told} had been told of before"));
            }

            _found[(process, stream)] = Math.Max(view.Version, _found.GetValueOrDefault((process, stream)));
            cluster.Reach(view.IsInDoubt ? SituationTable.ReadInDoubt : role is HostRole.Owner ? SituationTable.ReadAtOwner : SituationTable.ReadAtStandby);
        }
        catch (Exception error) when (error is SimulatedStoreException or TransactionRefusedException)
        {
            cluster.Reach(SituationTable.ReadOutsideFailed);
        }
    }

    private async Task ReadAsOfAsync(Host host, SimulatedProcess process, int account)
    {
        var stream = AccountAt(account);
        var version = _reads.Below(_found.GetValueOrDefault((process, stream)) is var known && known > 0 ? (int)known + 1 : 1);
        try
        {
            var view = await ((IAggregates)host.Engine!).ReadAsOfAsync<Account>($"{account}", version);
            CheckFold(process, stream, view);
            if (view.Version != version)
            {
                cluster.Violations.Add(new Violation("reads", $"{process.Name} read {stream} as of {version} and got {view.Version}"));
            }

            cluster.Reach(SituationTable.ReadAsOf);
        }
        catch (ArgumentOutOfRangeException tooHigh)
        {
            cluster.Violations.Add(new Violation("reads", $"{process.Name} found {stream} at {_found.GetValueOrDefault((process, stream))} before, and as of {version}: {tooHigh.Message}"));
        }
        catch (Exception error) when (error is SimulatedStoreException or TransactionRefusedException)
        {
            cluster.Reach(SituationTable.ReadOutsideFailed);
        }
    }

    /// <summary>What was read is in the log, and is what the log folds to.</summary>
    private void CheckFold(SimulatedProcess process, StreamName stream, AggregateView<Account> view)
    {
        var rows = cluster.Ledger.Streams.GetValueOrDefault(stream) ?? [];
        var folded = rows.Take((int)view.Version).Sum(row => FinalChecks.AmountOf(row));
        if (view.Version > rows.Count || view.State.Balance != folded)
        {
            cluster.Violations.Add(new Violation("reads", $"{process.Name} read {view.State.Balance} in {stream} at {view.Version} of {rows.Count}, where the log has {folded}"));
        }
    }

    /// <summary>The last version of a stream that somebody was told was committed.</summary>
    private long LastTold(StreamName stream) => cluster.History.Transactions
        .Where(record => record.Told.Exists(told => told.Outcome.IsCommitted))
        .SelectMany(record => cluster.Ledger.RowsOf.GetValueOrDefault(record.Id) ?? [])
        .Where(row => row.Stream == stream)
        .Select(row => row.Version)
        .DefaultIfEmpty()
        .Max();
}
