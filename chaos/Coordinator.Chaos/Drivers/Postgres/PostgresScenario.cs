using System.Data.Common;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Npgsql;

namespace Coordinator.Chaos.Drivers.Postgres;

/// <summary>Three embedded hosts on a PostgreSQL log, each with a link of its own: owners, standbys, links and the server are hit.</summary>
internal sealed class PostgresScenario() : Scenario("postgres")
{
    private const int Size = 3;

    private readonly ServerLink[] _links = new ServerLink[Size];
    private readonly List<string> _skipped = [];
    private LogServer? _server;
    private OwnerFleet? _fleet;
    private IReadOnlyList<Fault> _faults = [];
    private History? _history;

    public override Fleet Fleet => _fleet!;

    public override IReadOnlyList<Fault> Faults => _faults;

    public override IReadOnlyList<string> Skipped => _skipped;

    public override async Task StartAsync(Wounds wounds)
    {
        _history = wounds.History;
        _server = await LogServer.StartAsync();
        for (var place = 0; place < Size; place++)
        {
            _links[place] = _server.NewLink();
        }

        _fleet = new OwnerFleet(Size, "postgres", "Standby", place => _server.LogThrough(_links[place]), wounds.History, wounds.Note);
        _faults =
        [
            .. new OwnerFaults(_fleet, wounds).All,
            .. new SilenceFaults(_fleet, wounds).All,
            .. new LinkFaults(_fleet, _links, wounds).All,
            .. new ServerFaults(_server, wounds).All(_skipped),
            .. new ClockFaults(_fleet, wounds).All(_skipped),
        ];
    }

    public override async Task<DbConnection> ConnectAsync() => await _server!.ConnectAsync();

    public override async Task<DbConnection> ConnectToCopyAsync() => await _server!.ConnectToCopyAsync();

    public override async Task AfterCloseAsync(int stoppedCount, int handOverCount)
    {
        if (handOverCount < stoppedCount)
        {
            _history!.Violated($"{stoppedCount} owners were stopped cleanly, and {handOverCount} handed over");
        }

        await using var connection = await _server!.ConnectAsync();
        if (await LongestHandOverAsync(connection) is var longest && longest >= SilenceFaults.Silence)
        {
            _history!.Violated($"a standby took {longest.TotalSeconds:F2} s to claim what had been handed over");
        }
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var link in _links)
        {
            link?.Dispose();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    /// <summary>The longest time from a row that hands over to the claim right behind it, as the log has it.</summary>
    private static async Task<TimeSpan> LongestHandOverAsync(NpgsqlConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT coalesce(max(claim.written_at - release.written_at), 0) FROM coordinator_event release "
            + "JOIN coordinator_event claim ON claim.stream = release.stream AND claim.version = release.version + 1 WHERE release.kind = 22 AND claim.kind = 16";
        return TimeSpan.FromMicroseconds((long)(await command.ExecuteScalarAsync())!);
    }
}
