using System.Data.Common;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Postgres;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>
/// Three silos of Orleans with their log, membership and snapshots on PostgreSQL: silos, the network between them, their links to the server, the server and the membership are hit.
/// </summary>
internal sealed class OrleansScenario() : Scenario("orleans")
{
    private const int Size = 3;

    private readonly ServerLink[] _links = new ServerLink[Size];
    private readonly List<string> _skipped = [];
    private LogServer? _server;
    private SiloFleet? _fleet;
    private SiloNetwork? _network;
    private IReadOnlyList<Fault> _faults = [];

    public override Fleet Fleet => _fleet!;

    public override IReadOnlyList<Fault> Faults => _faults;

    public override IReadOnlyList<string> Skipped => _skipped;

    /// <summary>A silo joins only once it has spoken with all others.</summary>
    public override double SecondsPerFault => 6;

    public override async Task StartAsync(Wounds wounds)
    {
        if (!File.Exists(SiloFleet.Program))
        {
            throw new InvalidOperationException($"{SiloFleet.Program} was not built: the package feed has no Orleans, or chaos/Coordinator.Chaos.Silo is still to be built.");
        }

        _server = await LogServer.StartAsync();
        for (var place = 0; place < Size; place++)
        {
            _links[place] = _server.NewLink();
        }

        _network = new SiloNetwork(Size, ProcessAt, wounds.Note);
        _fleet = new SiloFleet(Size, place => _server.LogThrough(_links[place]), _network.PortsOf, wounds.History, wounds.Note);
        _faults =
        [
            .. new SiloFaults(_fleet, wounds).All,
            .. new FrozenSiloFaults(_fleet, wounds).All,
            .. new NetworkFaults(_fleet, _network, wounds).All,
            .. new SiloStoreFaults(_fleet, _links, _server, wounds).All,
            .. new ServerFaults(_server, wounds).All(_skipped).Select(static fault => fault with { IsCore = false }), // a short run is about silos
        ];
    }

    public override async Task<DbConnection> ConnectAsync() => await _server!.ConnectAsync();

    public override async Task<DbConnection> ConnectToCopyAsync() => await _server!.ConnectToCopyAsync();

    public override async ValueTask DisposeAsync()
    {
        _network?.Dispose();
        foreach (var link in _links)
        {
            link?.Dispose();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private int ProcessAt(int place) => _fleet?.Hosts[place]?.ProcessId ?? 0;
}
