using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>Carries out the fault plan while the faults are on: kills, stops, outages, cuts, clock jumps, mishaps at points.</summary>
internal sealed class Nemesis(Cluster cluster)
{
    private static readonly TimeSpan FrozenMax = TimeSpan.FromSeconds(15);
    private readonly Dictionary<string, int> _passes = new(StringComparer.Ordinal);
    private readonly SeededRandom _random = cluster.Random.Fork();
    private readonly HashSet<Host> _killed = [];
    private bool _healed;

    /// <summary>Faults are on.</summary>
    public bool IsAtWork { get; private set; }

    public void Start()
    {
        IsAtWork = true;
        cluster.Log.Faults = cluster.Plan.Store;
        cluster.Network.Faults = cluster.Plan.Messages;
        Repeat(cluster.Plan.Crash, () => Crash(AnyHost()));
        Repeat(cluster.Plan.Stall, () => Stall(AnyHost(), _random.Between(TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(_random.Of(1, 8, 40)))));
        Repeat(cluster.Plan.Stop, () => AnyHost().Stop(Pause()));
        Repeat(cluster.Plan.Outage, Outage);
        Repeat(cluster.Plan.ClockJump, JumpClock);
        Repeat(cluster.Plan.Cut, Cut);
        Repeat(cluster.Plan.HostCut, CutHosts);
        Repeat(cluster.Plan.Mute, Mute);
        Repeat(cluster.Plan.Damage, Damage);
        if (cluster.Plan.Freeze is { } pause)
        {
            cluster.Loop.Start(() => FreezeOwnersAsync(pause));
        }
    }

    /// <summary>Nothing goes wrong any more.</summary>
    public void Heal()
    {
        _healed = true;
        IsAtWork = false;
        cluster.Log.Heal();
        cluster.Network.Heal();
        foreach (var host in cluster.Hosts)
        {
            if (host.Process!.IsStalled)
            {
                host.Process.Resume();
            }
        }
    }

    /// <summary>A process passes a point of its code: perhaps something happens to it there.</summary>
    public void PassPoint(SimulatedProcess process, string point)
    {
        if (!IsAtWork || point.Length == 0)
        {
            return;
        }

        var passes = _passes[point] = _passes.GetValueOrDefault(point) + 1;
        foreach (var mishap in cluster.Plan.Mishaps)
        {
            if (mishap.Point == point && mishap.Passes == passes && cluster.Hosts.Find(host => host.Process == process) is { } host)
            {
                if (mishap.StallsFor is { } time)
                {
                    cluster.Reach(SituationTable.StalledAt(point));
                    Stall(host, time);
                }
                else
                {
                    cluster.Reach(SituationTable.CrashedAt(point));
                    Crash(host);
                }

                return;
            }
        }
    }

    private TimeSpan Pause() => _random.Between(TimeSpan.FromSeconds(0.05), TimeSpan.FromSeconds(_random.Of(0.5, 5)));

    private Host AnyHost()
    {
        // The owner is where most happens; in a cluster all are.
        var owner = cluster.Plan.IsCluster ? null : cluster.Hosts.Find(host => host.Process == cluster.Ledger.ShardOf(0).Owner);
        return owner is not null && _random.Chance(0.5) ? owner : cluster.Hosts[_random.Below(cluster.Hosts.Count)];
    }

    private void Repeat(TimeSpan? about, Action action)
    {
        if (about is not { } time)
        {
            return;
        }

        cluster.Loop.Start(async () =>
        {
            while (true)
            {
                await cluster.Loop.DelayAsync(_random.Between(TimeSpan.Zero, 2 * time));
                if (_healed)
                {
                    return;
                }

                action();
            }
        });
    }

    private void Crash(Host host)
    {
        if (!host.Process!.IsCrashed)
        {
            cluster.Reach(SituationTable.Crashed);
            host.Crash(Pause());
            if (cluster.Hosts.TrueForAll(static one => one.Process!.IsCrashed))
            {
                cluster.Reach(SituationTable.AllDown);
            }

            if (_killed.Add(host) && _killed.Count == cluster.Hosts.Count)
            {
                cluster.Reach(SituationTable.EachCrashed);
            }
        }
    }

    private void Stall(Host host, TimeSpan time)
    {
        var process = host.Process!;
        if (process.IsCrashed || process.IsStalled)
        {
            return;
        }

        cluster.Reach(SituationTable.Stalled);
        cluster.Loop.Trace.Note(process, $"stalls for {time}");
        process.Stall();
        cluster.Loop.After(time, () =>
        {
            if (process.IsStalled)
            {
                cluster.Loop.Trace.Note(process, $"goes on");
                process.Resume();
            }
        });
    }

    /// <summary>Each owner in turn sleeps until it is replaced and its successor has told of commits: it wakes up and knows of nothing.</summary>
    private async Task FreezeOwnersAsync(TimeSpan pause)
    {
        while (true)
        {
            await cluster.Loop.DelayAsync(_random.Between(TimeSpan.Zero, 2 * pause));
            if (_healed)
            {
                return;
            }

            if (cluster.Serving?.Process is not { IsStalled: false } owner)
            {
                continue;
            }

            cluster.Reach(SituationTable.Stalled);
            cluster.Loop.Trace.Note(owner, $"is frozen");
            owner.Stall();
            var (until, commits) = (cluster.Loop.Time.Now + FrozenMax, _random.Between(1, 4));
            while (owner.IsStalled && cluster.Loop.Time.Now < until && TellsOf(owner) < commits)
            {
                await cluster.Loop.DelayAsync(TimeSpan.FromMilliseconds(5));
            }

            if (owner.IsStalled)
            {
                cluster.Loop.Trace.Note(owner, $"wakes up");
                owner.Resume();
            }
        }
    }

    /// <summary>How many commits the successor of an owner has told.</summary>
    private int TellsOf(SimulatedProcess owner) => cluster.Ledger.ShardOf(0).Owner is { } successor && successor != owner
        ? cluster.History.Transactions.Count(record => record.Host == successor.Name && (long)record.Id.Epoch == cluster.Ledger.ShardOf(0).OwnerEpoch && !record.IsReadOnly && record.Told.Exists(told => told.Outcome.IsCommitted))
        : 0;

    private void Outage()
    {
        var time = _random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(_random.Of(1, 5, 15)));
        switch (_random.Below(3))
        {
            case 0:
                cluster.Reach(SituationTable.StoreDown);
                cluster.Log.GoDown(time);
                break;
            case 1:
                cluster.Reach(SituationTable.StoreFull);
                cluster.Log.FillUp(time);
                break;
            default:
                cluster.Reach(SituationTable.StorePaused);
                cluster.Log.StandStill(time);
                break;
        }

        cluster.Loop.Trace.Note(null, $"the store is out for {time}");
    }

    /// <summary>A bit of a decision row flips on the disk: it can't be read any more, and must never be read as absent (L06).</summary>
    private void Damage()
    {
        var decisions = cluster.Ledger.Shards.Values.SelectMany(shard => shard.Rows).Where(row => row.IsDecision).ToList();
        if (decisions.Count == 0)
        {
            return;
        }

        var row = decisions[_random.Below(decisions.Count)];
        if (!cluster.Ledger.Damaged.Add(row.Transaction))
        {
            return;
        }

        cluster.Reach(SituationTable.RowDamaged);
        cluster.Loop.Trace.Note(null, $"row {row.Version} of {row.Stream}, {row.Transaction}, is damaged");
        cluster.Log.Rows.Damage(new RowKey(row.Stream, row.Version), static good => new LogRow
        {
            Stream = good.Stream,
            Version = good.Version,
            Kind = good.Kind,
            AppendId = good.AppendId,
            Transaction = good.Transaction,
            Epoch = good.Epoch,
            Checkpoint = good.Checkpoint,
            Position = good.Position,
            Previous = good.Previous,
            WrittenAt = good.WrittenAt,
            Payload = (byte[])[.. good.Payload.Span[..^1], 0],
            Checksum = good.Checksum,
        });
    }

    private void JumpClock()
    {
        cluster.Reach(SituationTable.ClockJumped);
        AnyHost().Process!.WallClockOffset += _random.Between(TimeSpan.FromHours(-1), TimeSpan.FromHours(1));
    }

    /// <summary>Two hosts, or one and all others, do not hear each other; or only one does not.</summary>
    private void CutHosts()
    {
        var time = _random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(_random.Of(1, 5, 15)));
        var (one, other) = (AnyHost().Process, _random.Chance(0.5) ? null : AnyHost().Process);
        var (hears, isHeard) = _random.Of((false, false), (true, false), (false, true));
        cluster.Loop.Trace.Note(one, $"is cut off from {other?.Name ?? "all"} for {time}, hears {hears}, is heard {isHeard}");
        cluster.Network.CutHosts(time, (from, to) =>
        {
            var isCut = (from == one && !isHeard && (other is null || to == other)) || (to == one && !hears && (other is null || from == other));
            if (isCut && hears != isHeard)
            {
                cluster.Reach(SituationTable.CutOneWay);
            }

            return isCut;
        });
    }

    private void Mute()
    {
        var (process, time) = (AnyHost().Process!, _random.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(_random.Of(3, 10, 30))));
        if (!cluster.Log.Muted.Add(process))
        {
            return;
        }

        cluster.Reach(SituationTable.BeatsLost);
        cluster.Loop.Trace.Note(process, $"loses its heartbeats for {time}");
        cluster.Loop.After(time, () => cluster.Log.Muted.Remove(process));
    }

    private void Cut()
    {
        var time = _random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(_random.Of(1, 5, 15)));
        cluster.Reach(SituationTable.NetworkCut);
        var account = new StreamName($"account/{_random.Below(cluster.Plan.Accounts)}");
        if (_random.Chance(0.5))
        {
            cluster.Network.SlowDown(time, (_, message) => Messages.ParticipantOf(message)?.Address == account);
            return;
        }

        var toCoordinator = _random.Below(3);
        cluster.Network.Cut(time, (_, message) => toCoordinator switch
        {
            0 => message is CommitInput,
            1 => message is CommitMessage,
            _ => Messages.ParticipantOf(message)?.Address == account,
        });
    }
}
