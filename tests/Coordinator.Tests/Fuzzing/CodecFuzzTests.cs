using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.Fuzzing;

/// <summary>
/// Whatever bytes a row holds, reading it gives what was written or the documented exception: nothing else, no memory that a length
/// promises, no stack that nesting asks for, and soon. The rows' checksums would find most of it before; here they are taken for right.
/// </summary>
public sealed class CodecFuzzTests
{
    private static readonly TransactionId Id = new(new LogIdentity(0xC0DE, 1), 0, 7, 5, 9);
    private static readonly ImmutableArray<Branch> Branches = [new(new(new("pg")), new(7)), new(new(new("http/bank")), new(ulong.MaxValue))];

    private static readonly ImmutableArray<Redo> Redos =
        [new(new("a/1"), 4, new(0, 9), [new("x", 2, new byte[] { 1, 2 }), new("y", 1, "{}"u8.ToArray())]), new(new("b"), Redo.AtEnd, default, [])];

    private static readonly CommitEvent[] Events =
    [
        new CommitEvent.CommitDecided(Id, Branches, Redos, false),
        new CommitEvent.CommitDecided(Id, [], Redos, true),
        new CommitEvent.AbortDecided(Id, Branches, Redos, true, new AbortCause(AbortReason.LastResourceAborted, new ParticipantId(new("pg")), "no \"good\" \u00E4")),
        new CommitEvent.LastResourceCommitting(Id, Branches, Branches[0], Redos),
        new CommitEvent.TransactionEnded(Id),
    ];

    [Fact]
    public void A_damaged_shard_row_is_read_as_something_or_refused() => Fuzz.Bytes(
        nameof(A_damaged_shard_row_is_read_as_something_or_refused),
        [.. Events.Select(ShardEventCodec.Encode)],
        bytes =>
        {
            foreach (var kind in Enum.GetValues<RowKind>())
            {
                if (Corrupt.Or(() => ShardEventCodec.Decode(Row(kind, bytes))) is { } read)
                {
                    // What was read can be written, and is the same from then on. (Events in a decision are not written: they have rows of their own.)
                    var again = Again(kind, ShardEventCodec.Encode(read));
                    Assert.Equal(again, Again(kind, again));
                }
            }
        });

    [Fact]
    public void A_damaged_checkpoint_is_read_as_something_or_refused() => Fuzz.Bytes(
        nameof(A_damaged_checkpoint_is_read_as_something_or_refused),
        [Checkpoint(Events[..1]), Checkpoint(Events[3..4]), Checkpoint([.. Events[3..4], .. Events[2..3]]), Checkpoint([])],
        bytes =>
        {
            if (Corrupt.Or(() => ShardCheckpoint.Decode(Row(RowKind.ShardCheckpoint, bytes))) is { } read)
            {
                var again = read.Encode();
                Assert.Equal(again, ShardCheckpoint.Decode(Row(RowKind.ShardCheckpoint, again)).Encode());
            }
        });

    [Fact]
    public void A_damaged_claim_is_read_as_something_or_refused() => Fuzz.Bytes(
        nameof(A_damaged_claim_is_read_as_something_or_refused),
        ["""{"claim":"00deadbeef","hostId":"0123456789abcdef","host":"box:17","shards":16,"format":1}"""u8.ToArray()],
        bytes =>
        {
            if (Corrupt.Or(() => ShardClaimer.OwnerOf(Row(RowKind.ShardOwned, bytes))) is { } owner)
            {
                Assert.True(owner.ClaimBits <= TransactionId.Max40 && owner.HostName is not null && owner.ShardCount is >= 1 and <= LogMeta.ShardCountMax);
            }
        });

    [Fact]
    public void A_damaged_meta_row_is_read_as_something_or_refused() => Fuzz.Bytes(
        nameof(A_damaged_meta_row_is_read_as_something_or_refused),
        [MetaRow.Create(new LogMeta(new LogIdentity(0xC0DE, 3), 16, 1), "system 7", 1, DateTimeOffset.UnixEpoch).Payload.ToArray()],
        bytes =>
        {
            try
            {
                var row = new LogRow { Stream = LogStreams.Meta, Version = 1, Kind = RowKind.LogCreated, AppendId = MetaRow.AppendIdOf(new(0xC0DE, 3), 16), Payload = bytes };
                var opened = MetaRow.Read(row, "here", "the test's store");
                Assert.True(opened is { RecordedStore: not null, Meta.ShardCount: > 0 });
                _ = new TransactionId(opened.Meta.Identity, 0, 1, 1, 1); // what an id can hold
            }
            catch (LogStoreException)
            {
                // the documented answer
            }
        });

    [Fact]
    public void A_damaged_event_is_read_as_something_or_refused()
    {
        var events = TestEngine.EventTypes();
        Fuzz.Bytes(
            nameof(A_damaged_event_is_read_as_something_or_refused),
            ["""{"amount":5}"""u8.ToArray(), """{"Amount":-9223372036854775808,"more":[{"x":null}]}"""u8.ToArray()],
            bytes =>
            {
                try
                {
                    var row = new LogRow { Stream = new("account/a"), Version = 1, Kind = RowKind.Event, AppendId = default, Type = "account.deposited", TypeVersion = 1, Payload = bytes };
                    Assert.IsType<Deposited>(events.TryRead(row));
                }
                catch (EventUnreadableException)
                {
                    // the documented answer
                }
            });
    }

    [Fact]
    public void A_row_with_one_field_changed_never_passes_its_checksum() => Fuzz.Values(
        nameof(A_row_with_one_field_changed_never_passes_its_checksum),
        random =>
        {
            var row = Any(random, null);
            row.Checksum = RowChecksum.Of(row, 0);
            Assert.Null(RowTrust.FaultOf(row, null));
            var changed = Any(random, row);
            changed.Checksum = row.Checksum;
            Assert.NotNull(RowTrust.FaultOf(changed, null));
        });

    [Fact]
    public void A_damaged_snapshot_never_passes_its_checksum() => Fuzz.Values(
        nameof(A_damaged_snapshot_never_passes_its_checksum),
        random =>
        {
            var payload = new byte[1 + random.Below(64)];
            payload.AsSpan().Fill((byte)random.Next());
            var snapshot = Snapshot(payload, random.Below(1000) + 1);
            snapshot.Checksum = snapshot.ComputeChecksum();
            Assert.Null(snapshot.Verified().Fault);
            var copy = payload.ToArray();
            copy[random.Below(copy.Length)] ^= (byte)(1 << random.Below(8));
            foreach (var damaged in new[] { Snapshot(copy, snapshot.Version), Snapshot(payload, snapshot.Version + 1), Snapshot(payload[1..], snapshot.Version) })
            {
                damaged.Checksum = snapshot.Checksum;
                Assert.NotNull(damaged.Verified().Fault);
            }
        });

    private static byte[] Again(RowKind kind, byte[] bytes) => ShardEventCodec.Encode(ShardEventCodec.Decode(Row(kind, bytes)));

    private static byte[] Checkpoint(IEnumerable<CommitEvent> events)
    {
        var open = new OpenTransactions();
        foreach (var durable in events)
        {
            open.Apply(durable);
        }

        var mark = new ForgetMark(3, 2, 1, 4);
        return new ShardCheckpoint(open, 5, 77, new ForgetState(mark, [mark with { Version = 9 }])).Encode();
    }

    private static LogRow Row(RowKind kind, byte[] payload) =>
        new() { Stream = LogStreams.Shard(0), Version = 2, Kind = kind, AppendId = default, Transaction = Id, Payload = payload };

    /// <summary>A row, or a copy of one with one field changed.</summary>
    private static LogRow Any(SeededRandom random, LogRow? like)
    {
        var change = like is null ? -1 : random.Below(10);
        return new LogRow
        {
            Stream = Of(0, new StreamName("s" + random.Below(1_000_000).ToString(CultureInfo.InvariantCulture)), row => row.Stream),
            Version = Of(1, random.Below(int.MaxValue) + 1L, row => row.Version),
            Kind = Of(2, like?.Kind is RowKind.Event ? RowKind.Held : RowKind.Event, row => row.Kind),
            AppendId = Of(3, new AppendId(random.Next(), random.Next()), row => row.AppendId),
            Transaction = Of(4, new TransactionId(new(random.Next() >> 16, 1), 0, random.Next() >> 24, 1, random.Next() >> 24), row => row.Transaction),
            Position = Of(5, new LogPosition(0, random.Next() >> 1), row => row.Position),
            Previous = Of(6, new LogPosition(0, random.Next() >> 1), row => row.Previous),
            Type = Of(7, "t" + random.Below(1_000_000).ToString(CultureInfo.InvariantCulture), row => row.Type),
            WrittenAt = Of(8, (long)(random.Next() >> 8), row => row.WrittenAt) % 1_000_000_000_000_000,
            Payload = Of<ReadOnlyMemory<byte>>(9, Encoding.UTF8.GetBytes(random.Next().ToString(CultureInfo.InvariantCulture)), row => row.Payload),
        };

        T Of<T>(int field, T drawn, Func<LogRow, T> was) => like is null || change == field ? drawn : was(like);
    }

    private static Snapshot Snapshot(byte[] payload, long version) => new()
    {
        Stream = new("account/a"), Version = version, AppendId = new(1, 2), Generation = 1, Position = new(0, 3), Type = "account", TypeVersion = 1, Payload = payload,
    };
}
