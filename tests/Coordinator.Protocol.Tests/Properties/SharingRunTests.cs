using System.Collections.Immutable;
using Coordinator.Protocol.Ownership;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>
/// Hosts that share a log by <see cref="SharingRules"/>, in any order, on beats that are old and looks that are acted on late; hosts come,
/// leave and die meanwhile. Once they stay, the shares become fair, no shard is without an owner, and then nothing moves.
/// </summary>
public sealed class SharingRunTests
{
    private const int Runs = 3_000;
    private const int RoundsMax = 150; // of half a second
    private const int QuietRounds = 20;

    [Fact]
    public void Shares_become_fair_and_then_nothing_moves()
    {
        var (moves, rounds) = (0, 0);
        for (var seed = 1; seed <= Runs; seed++)
        {
            var run = new Run(seed);
            run.Churn();
            rounds = Math.Max(rounds, run.Settle());
            moves += run.Moves;
        }

        Assert.True(moves > Runs * 10, $"vacuous: {moves} moves");
        Assert.InRange(rounds, 10, RoundsMax);
    }

    [Fact]
    public void A_host_that_joins_costs_no_more_moves_than_its_share()
    {
        var run = new Run(1, shards: 16);
        run.Join();
        run.Settle();
        run.Join();
        var before = run.Moves;
        run.Settle();
        Assert.Equal(16, run.Moves - before); // 8 handed over, 8 claimed
    }

    private sealed class Run
    {
        private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(500);

        private readonly Random _random;
        private readonly int _seed;
        private readonly Dictionary<ushort, ulong?> _owners = [];
        private readonly Dictionary<ulong, Host> _hosts = [];
        private TimeSpan _now;
        private ulong _lastHost;

        public Run(int seed, int shards = 0)
        {
            (_seed, _random) = (seed, new Random(seed));
            shards = shards == 0 ? 1 + _random.Next(20) : shards;
            for (ushort shard = 0; shard < shards; shard++)
            {
                _owners[shard] = null;
            }
        }

        /// <summary>Hand-overs and claims that took.</summary>
        public int Moves { get; private set; }

        public void Churn()
        {
            for (var i = 0; i < 200; i++)
            {
                switch (_random.Next(20))
                {
                    case 0 when _hosts.Count < 6:
                        Join();
                        break;
                    case 1 when _hosts.Count > 1 && _random.Next(3) == 0:
                        Leave(Any());
                        break;
                    case 2:
                        _now += s_round * _random.NextDouble();
                        break;
                    case var what when _hosts.Count > 0:
                        Do(Any(), what % 3);
                        break;
                }
            }

            if (_hosts.Count == 0)
            {
                Join();
            }
        }

        public void Join() => _hosts.Add(++_lastHost, new Host(_lastHost));

        /// <summary>Rounds in which every host beats, looks and acts, each in an order of its own; how many it took.</summary>
        public int Settle()
        {
            var quiet = 0;
            for (var round = 1; round <= RoundsMax; round++)
            {
                var before = Moves;
                var steps = _hosts.Values.SelectMany(host => Enumerable.Range(0, 3).Select(what => (host, what))).ToArray();
                _random.Shuffle(steps);
                foreach (var (host, what) in steps)
                {
                    Do(host, what);
                }

                _now += s_round;
                quiet = Moves == before ? quiet + 1 : 0;
                if (quiet == QuietRounds)
                {
                    AssertFair();
                    return round - quiet;
                }
            }

            Assert.Fail($"seed {_seed}: still moving after {RoundsMax} rounds: {this}");
            return 0;
        }

        public override string ToString() => string.Join("; ", _owners.GroupBy(pair => pair.Value).Select(group => $"{group.Key}: {string.Join(' ', group.Select(pair => pair.Key))}"));

        private void AssertFair()
        {
            var counts = _hosts.Keys.Select(host => _owners.Values.Count(owner => owner == host)).ToList();
            Assert.True(counts.Max() - counts.Min() <= 1, $"seed {_seed}: unfair, {this}");
            Assert.True(_owners.Values.All(owner => owner is { } host && _hosts.ContainsKey(host)), $"seed {_seed}: a shard has no owner, {this}");
        }

        private Host Any() => _hosts.Values.ElementAt(_random.Next(_hosts.Count));

        /// <summary>Leaves, or dies and is found to be silent: its shards wait for an owner.</summary>
        private void Leave(Host host)
        {
            _hosts.Remove(host.Id);
            foreach (var shard in OwnedBy(host))
            {
                _owners[shard] = null;
            }
        }

        private void Do(Host host, int what)
        {
            switch (what)
            {
                case 0:
                    host.Beat = OwnedBy(host);
                    break;
                case 1:
                    Look(host);
                    break;
                default:
                    Act(host);
                    break;
            }
        }

        private void Look(Host host)
        {
            var owned = OwnedBy(host);
            var free = _owners.Where(pair => pair.Value is null).Select(pair => pair.Key).ToList();
            foreach (var shard in host.FreeSince.Keys.Except(free).ToList())
            {
                host.FreeSince.Remove(shard);
            }

            free.ForEach(shard => host.FreeSince.TryAdd(shard, _now));
            host.Decided = SharingRules.Share(new SharingView(
                host.Id,
                [.. _hosts.Values.Select(one => new LivingHost(one.Id, one.Beat))],
                _owners.Count,
                owned,
                owned.IsEmpty ? null : owned[_random.Next(owned.Length)],
                [.. free.Select(shard => new FreeShard(shard, _now - host.FreeSince[shard]))]));
        }

        /// <summary>On the last look, however old; the log takes only what still holds.</summary>
        private void Act(Host host)
        {
            if (host.Decided.HandOver is { } given && _owners[given] == host.Id)
            {
                _owners[given] = null;
                Moves++;
            }

            foreach (var shard in host.Decided.Claims.IsDefault ? [] : host.Decided.Claims)
            {
                if (_owners[shard] is null)
                {
                    _owners[shard] = host.Id;
                    Moves++;
                }
            }

            host.Decided = default;
        }

        private ImmutableArray<ushort> OwnedBy(Host host) => [.. _owners.Where(pair => pair.Value == host.Id).Select(pair => pair.Key).Order()];
    }

    private sealed class Host(ulong id)
    {
        public ulong Id { get; } = id;

        public ImmutableArray<ushort> Beat { get; set; } = [];

        public Dictionary<ushort, TimeSpan> FreeSince { get; } = [];

        public SharingStep Decided { get; set; }
    }
}
