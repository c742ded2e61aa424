using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Logs;

/// <summary>What one transaction writes to one stream.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Expected">The version it must end with.</param>
/// <param name="Rows">How many rows; 0: its read is validated.</param>
internal sealed record StreamWrite(string Stream, long Expected, int Rows = 1)
{
    /// <summary>Of the rows.</summary>
    public RowKind Kind { get; init; } = RowKind.Event;

    /// <summary>The Held row behind which it writes must be its own.</summary>
    public bool MustBeHeld { get; init; }

    /// <summary>Of each row.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; } = "{}"u8.ToArray();
}

/// <summary>An open log with an owned shard, as the engine would use it: rows are numbered from what is known durable.</summary>
internal sealed class TestLog : IAsyncDisposable
{
    /// <summary>Proposed for every log of the suite.</summary>
    public static readonly LogMeta Meta = new(new LogIdentity(0xA1B2C3D4E5F6, 1), 1, LogMeta.CurrentFormatVersion);

    /// <summary>What its claims say of a checkpoint; there need not be one.</summary>
    public const long ClaimCheckpoint = 1_234_567_890_123;

    private ulong _number;
    private ulong _sequence;

    private TestLog(ILogStore store, ushort shard, ulong writer)
    {
        Store = store;
        ShardNumber = shard;
        Writer = writer;
    }

    public ILogStore Store { get; }

    public ushort ShardNumber { get; }

    public ulong Writer { get; }

    public StreamName Shard => LogStreams.Shard(ShardNumber);

    /// <summary>Of the claim that this owner made.</summary>
    public long Epoch { get; private set; }

    /// <summary>The next version of the shard.</summary>
    public long Next { get; private set; }

    /// <summary>For the checksum of the next shard row.</summary>
    public uint Seed { get; private set; }

    /// <summary>Opens the fixture's log and claims a shard.</summary>
    public static async Task<TestLog> OpenAsync(ILogStoreFixture fixture, ulong writer = 77, ushort shard = 0)
    {
        var store = fixture.Create();
        await store.OpenAsync(Meta, CancellationToken.None).ConfigureAwait(false);
        return await ClaimAsync(store, writer, shard).ConfigureAwait(false);
    }

    /// <summary>Claims a shard of an open log.</summary>
    public static async Task<TestLog> ClaimAsync(ILogStore store, ulong writer, ushort shard)
    {
        var log = new TestLog(store, shard, writer);
        var end = await store.ReadShardEndAsync(shard, CancellationToken.None).ConfigureAwait(false);
        var claim = log.Claim(end.Owned?.Version ?? 0);
        var answer = await store.ClaimAsync(claim).ConfigureAwait(false);
        Expect.Answer(GroupAnswerKind.Landed, new GroupAnswer(answer.Kind, answer.Error), "claim");
        await log.OwnAsync(answer.Version).ConfigureAwait(false);
        return log;
    }

    /// <summary>A would-be owner of a shard.</summary>
    public static TestLog Unowned(ILogStore store, ushort shard, ulong writer) => new(store, shard, writer);

    /// <summary>Takes a claim that is in the log for its own.</summary>
    public async Task OwnAsync(long epoch)
    {
        Epoch = epoch;
        await ContinueAtAsync(epoch + 1).ConfigureAwait(false);
    }

    /// <summary>Goes on at this version, behind whatever row is there.</summary>
    public async Task ContinueAtAsync(long version)
    {
        Next = version;
        Seed = await SeedAtAsync(version).ConfigureAwait(false);
    }

    /// <summary>A claim of this writer.</summary>
    public ShardClaim Claim(long guard) => new(
        new LogRow
        {
            Stream = Shard,
            Version = 0,
            Kind = RowKind.ShardOwned,
            AppendId = NextAppendId(),
            Checkpoint = ClaimCheckpoint,
            WrittenAt = 1_700_000_000_000_000,
            Payload = "{\"host\":\"here\"}"u8.ToArray(),
        },
        guard,
        Meta);

    /// <summary>A fresh id of the present epoch.</summary>
    public TransactionId NewTransaction() => new(Meta.Identity, ShardNumber, (ulong)Epoch, Writer, ++_sequence);

    /// <summary>A fresh append id.</summary>
    public AppendId NextAppendId() => new(Writer, ++_number);

    /// <summary>One transaction's batch with its commit row at the shard's next version.</summary>
    public RowGroup Group(params ReadOnlySpan<StreamWrite> writes) => Group(NewTransaction(), writes);

    /// <summary>One transaction's batch with its commit row at the shard's next version.</summary>
    public RowGroup Group(TransactionId transaction, params ReadOnlySpan<StreamWrite> writes)
    {
        var append = NextAppendId();
        var position = new LogPosition(ShardNumber, (ulong)Next);
        var rows = new List<LogRow> { ShardRow(RowKind.CommitDecided, Next, append, transaction, Seed) };
        var checks = new List<StreamCheck> { AppendRules.CheckOf(Shard, Next, Epoch) };
        foreach (var write in writes)
        {
            var stream = new StreamName(write.Stream);
            for (var i = 1; i <= write.Rows; i++)
            {
                var row = new LogRow
                {
                    Stream = stream,
                    Version = write.Expected + i,
                    Kind = write.Kind,
                    AppendId = append,
                    Transaction = transaction,
                    Position = position,
                    Previous = write.Expected + i == 1 ? LogPosition.None : new LogPosition(ShardNumber, 1),
                    Type = write.Kind is RowKind.Event ? "tested" : string.Empty,
                    TypeVersion = write.Kind is RowKind.Event ? 1 : 0,
                    WrittenAt = 1_700_000_000_000_000,
                    Payload = write.Payload,
                };
                row.Checksum = RowChecksum.Of(row, 0);
                rows.Add(row);
            }

            checks.Add(new StreamCheck(stream, write.Expected, 0, write.Rows == 0 ? default : transaction, write.MustBeHeld));
        }

        return Sorted(rows, checks);
    }

    /// <summary>A row of the shard.</summary>
    public LogRow ShardRow(RowKind kind, long version, AppendId append, TransactionId transaction, uint seed)
    {
        var row = new LogRow
        {
            Stream = Shard,
            Version = version,
            Kind = kind,
            AppendId = append,
            Transaction = transaction,
            Epoch = Epoch,
            Checkpoint = version - 1,
            Position = new LogPosition(ShardNumber, (ulong)version),
            WrittenAt = 1_700_000_000_000_000,
            Payload = "{\"decided\":true}"u8.ToArray(),
        };
        row.Checksum = RowChecksum.Of(row, seed);
        return row;
    }

    /// <summary>An empty row that settles.</summary>
    public async Task<RowGroup> EmptyRowAsync(long version, AppendId append)
    {
        var seed = await SeedAtAsync(version).ConfigureAwait(false);
        return new RowGroup([ShardRow(RowKind.Fenced, version, append, default, seed)], [AppendRules.CheckOf(Shard, version, Epoch)]);
    }

    /// <summary>Appends; if it landed the shard goes on behind it.</summary>
    public async Task<GroupAnswer> AppendAsync(RowGroup group)
    {
        var answer = await Store.AppendAsync(group).ConfigureAwait(false);
        if (answer.Kind is GroupAnswerKind.Landed)
        {
            foreach (var row in group.Rows.Where(row => row.Stream == Shard))
            {
                Next = row.Version + 1;
                Seed = RowChecksum.SeedAfter(row);
            }
        }

        return answer;
    }

    /// <summary>Appends a transaction that must land.</summary>
    public async Task<RowGroup> CommitAsync(params StreamWrite[] writes)
    {
        var group = Group(writes);
        Expect.Answer(GroupAnswerKind.Landed, await AppendAsync(group).ConfigureAwait(false), "commit");
        return group;
    }

    /// <summary>All rows of a stream.</summary>
    public ValueTask<ImmutableArray<LogRow>> ReadAsync(string stream, long from = 1, int count = 10_000) =>
        Store.ReadAsync(new StreamName(stream), from, count, CancellationToken.None);

    /// <summary>How many of the group's rows are in the log, under its append ids.</summary>
    public async Task<int> CountAsync(RowGroup group)
    {
        var found = await Store.InspectAsync(
            [.. group.Rows.Select(row => new RowKey(row.Stream, row.Version))], CancellationToken.None).ConfigureAwait(false);
        return found.Zip(group.Rows).Count(pair => pair.First.Exists && pair.First.AppendId == pair.Second.AppendId);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Store.DisposeAsync();

    /// <summary>Rows in the order a store wants them.</summary>
    internal static RowGroup Sorted(IEnumerable<LogRow> rows, IEnumerable<StreamCheck> checks) => new(
        [.. rows.OrderBy(row => row.Stream).ThenBy(row => row.Version)],
        [.. checks.OrderBy(check => check.Stream)]);

    private async Task<uint> SeedAtAsync(long version)
    {
        var before = await Store.ReadAsync(Shard, version - 1, 1, UnreadableRows.Mark, CancellationToken.None).ConfigureAwait(false);
        return before.IsEmpty ? 0 : RowChecksum.SeedAfter(before[0]);
    }
}
