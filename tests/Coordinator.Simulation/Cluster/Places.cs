using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>
/// Where in a cluster the streams are worked on, as a directory of grains would have it: mostly at one host, where they are anchored; now and then at
/// another one from some moment on; for a while at both, for a runtime of grains promises no single activation (G04). Some have no place.
/// </summary>
internal sealed class Places(Cluster cluster)
{
    private static readonly TimeSpan DoubledMax = TimeSpan.FromSeconds(5);
    private readonly SeededRandom _random = new(cluster.Seed ^ 0x91AC_E500);
    private readonly Dictionary<StreamName, Place> _places = [];

    private sealed class Place
    {
        public bool IsNone { get; init; }

        public Host? Host { get; set; }

        public SimulatedProcess? Process { get; set; }

        /// <summary>Where it was before and still is: a second activation.</summary>
        public SimulatedProcess? Former { get; set; }

        /// <summary>It had two at once.</summary>
        public bool WasDoubled { get; set; }

        /// <summary>It has moved: what had voted at the old place may have changed the stream when the new one had read it.</summary>
        public bool WasMoved { get; set; }
    }

    /// <summary>The stream has, or had, two activations at once.</summary>
    public bool WasDoubled(StreamName stream) => _places.TryGetValue(stream, out var place) && place.WasDoubled;

    /// <summary>Whoever has the stream in memory has all of it: it has, and had, one place or none.</summary>
    public bool IsSingle(StreamName stream) => !_places.TryGetValue(stream, out var place) || !place.WasMoved;

    /// <summary>The host where the next piece of work on a stream is done.</summary>
    public Host Find(StreamName stream, Host caller)
    {
        if (!_places.TryGetValue(stream, out var place))
        {
            _places.Add(stream, place = new Place { IsNone = _random.Chance(cluster.Plan.Placeless) });
        }

        if (place.IsNone)
        {
            return _random.Chance(0.5) ? caller : AnyBut(null) ?? caller;
        }

        // A stopped process is found out to be so, and not at once.
        var isGone = place.Process is null or { IsCrashed: true } || place.Host!.IsStopping || (place.Process.IsStalled && _random.Chance(0.2));
        if (isGone || (cluster.Nemesis.IsAtWork && _random.Chance(cluster.Plan.Moves)))
        {
            Move(stream, place, caller);
        }

        return caller.Process == place.Former && _random.Chance(0.5) ? caller : place.Host!;
    }

    private void Move(StreamName stream, Place place, Host caller)
    {
        var (old, oldEngine) = (place.Process, place.Host?.Engine);
        var next = AnyBut(place.Host) ?? caller;
        (place.Host, place.Process) = (next, next.Process!);
        cluster.Loop.Trace.Note(next.Process, $"{stream} has its place here");
        var engine = next.Engine!;
        if (KindOf(stream, engine) is { } kind)
        {
            next.Process!.Post(() => engine.Anchor(stream, kind));
        }

        if (old is null || old == next.Process)
        {
            return;
        }

        place.WasMoved = true;
        if (old.IsStalled || _random.Chance(0.5))
        {
            (place.Former, place.WasDoubled) = (old, true);
            cluster.Reach(SituationTable.PlaceDoubled);
            cluster.Loop.After(_random.Between(TimeSpan.Zero, DoubledMax), Release);
        }
        else
        {
            cluster.Reach(SituationTable.PlaceMoved);
            Release();
        }

        void Release() => old.Post(() =>
        {
            cluster.Mutant.Release(oldEngine!, stream);
            place.Former = place.Former == old ? null : place.Former;
        });
    }

    private Host? AnyBut(Host? other)
    {
        var up = cluster.Hosts.FindAll(host => host.IsUp && host != other);
        return up.Count == 0 ? null : up[_random.Below(up.Count)];
    }

    private static StateKind? KindOf(StreamName stream, TransactionEngine engine) =>
        stream.Value.StartsWith("account/", StringComparison.Ordinal) ? engine.Aggregates.KindOf<Account>()
        : stream.Value.StartsWith("setting-", StringComparison.Ordinal) || stream.Value.StartsWith("taken-", StringComparison.Ordinal) ? engine.Aggregates.ValueOf<Setting>()
        : null;
}
