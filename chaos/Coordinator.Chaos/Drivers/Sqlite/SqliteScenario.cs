using System.Data.Common;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Judges;
using Microsoft.Data.Sqlite;

namespace Coordinator.Chaos.Drivers.Sqlite;

/// <summary>Two embedded hosts on one file of SQLite: the owner dies, and the standby takes over at once, for the lock of the file falls with the process.</summary>
internal sealed class SqliteScenario() : Scenario("sqlite")
{
    private const int Size = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coordinator-sqlite-");
    private readonly List<string> _skipped = [];
    private OwnerFleet? _fleet;
    private IReadOnlyList<Fault> _faults = [];
    private History? _history;

    public override Fleet Fleet => _fleet!;

    public override IReadOnlyList<Fault> Faults => _faults;

    public override IReadOnlyList<string> Skipped => _skipped;

    private string File => Path.Combine(_folder.FullName, "chaos.db");

    public override Task StartAsync(Wounds wounds)
    {
        _history = wounds.History;
        _fleet = new OwnerFleet(Size, "sqlite", "Starting", _ => File, wounds.History, wounds.Note);
        _faults = [.. new OwnerFaults(_fleet, wounds).All, .. new SqliteFaults(_fleet, File, wounds).All(_skipped), .. new ClockFaults(_fleet, wounds).All(_skipped)];
        return Task.CompletedTask;
    }

    /// <summary>Any tool may read the file while a host works on it.</summary>
    public override Task<DbConnection> ConnectAsync() => OpenAsync(File, SqliteOpenMode.ReadOnly);

    public override async Task<DbConnection> ConnectToCopyAsync()
    {
        var copy = File + ".copy";
        await using var source = (SqliteConnection)await ConnectAsync();
        var connection = (SqliteConnection)await OpenAsync(copy, SqliteOpenMode.ReadWriteCreate);
        source.BackupDatabase(connection);
        return connection;
    }

    /// <summary>
    /// One transfer at a time: when a host says that it is committed, everything written to the log before must have been synced. A SIGKILL can't show this, for the kernel keeps what was
    /// written.
    /// </summary>
    public override async Task BeforeCloseAsync()
    {
        const int transfers = 120, watchedMin = 100;
        if (Strace.WhyNot is not null)
        {
            return;
        }

        var (owner, _) = await _fleet!.SettledAsync();
        var trace = File + ".syncs";
        await owner.Send("open", "watched 2 1000").AnswerWithinAsync(Wounds.Patience);
        await using (await Strace.AttachAsync(owner.ProcessId, trace, "-y", "-s", "100", "-e", $"trace={Strace.Writes},{Strace.Syncs}"))
        {
            for (var number = 0; number < transfers; number++)
            {
                await owner.Send("transfer", "watched.1 watched.2 1").AnswerWithinAsync(Wounds.Patience);
            }
        }

        var violations = new List<string>();
        var watched = SyncWatch.Count(System.IO.File.ReadLines(trace), violations);
        violations.ForEach(_history!.Violated);
        if (watched < watchedMin)
        {
            _history!.Violated($"only {watched} acknowledgements were seen beside their syncs");
        }

        if (!SyncWatch.FindsAcknowledgementsBeforeSyncs(System.IO.File.ReadLines(trace)))
        {
            _history!.Violated("acknowledgements that were moved before their syncs were not found");
        }
    }

    public override ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private static async Task<DbConnection> OpenAsync(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
