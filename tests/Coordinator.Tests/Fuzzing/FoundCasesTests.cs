using System.Text;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Shards;
using Xunit;

namespace Coordinator.Tests.Fuzzing;

/// <summary>What fuzzing and review found in decoders, each once and by name.</summary>
public sealed class FoundCasesTests
{
    private const string Open = "{\"sequence\":1,\"open\":[{\"transaction\":\"00000000c0de-01-0000-0000000007-0000000005-0000000009\",";

    public static TheoryData<string, string> UnreadableDecisions => new()
    {
        { "two members of one name", """{"streams":[],"streams":[{"stream":"a","expected":1}]}""" },
        { "an expected version below any", """{"streams":[{"stream":"a","expected":-2}]}""" },
        { "no participant's name", """{"branches":[{"participant":null,"incarnation":1}],"streams":[]}""" },
        { "no stream's name", """{"streams":[{"stream":null,"expected":1}]}""" },
    };

    [Theory]
    [MemberData(nameof(UnreadableDecisions))]
    public void A_decision_with_this_is_unreadable(string what, string text) =>
        Assert.False(string.IsNullOrEmpty(Assert.Throws<LogCorruptException>(() => ShardEventCodec.Decode(Row(RowKind.CommitDecided, text))).Message), what);

    [Theory]
    [InlineData("null")]
    [InlineData("\"x\",\"type\":\"y\"")]
    public void An_event_of_no_type_is_unreadable(string type) => Assert.Throws<LogCorruptException>(() => ShardEventCodec.Decode(Row(
        RowKind.LastResourceCommitting,
        $$"""{"resource":[{"participant":"db","incarnation":1}],"streams":[{"stream":"a","expected":1,"previousShard":0,"previousPosition":0,"events":[{"type":{{type}},"version":1,"payload":""}]}]}""")));

    [Fact]
    public void An_abort_for_a_reason_of_a_later_version_is_an_abort() => Assert.Equal(
        (AbortReason)4711,
        Assert.IsType<Protocol.Commit.CommitEvent.AbortDecided>(
            ShardEventCodec.Decode(Row(RowKind.AbortDecided, """{"streams":[],"cause":{"reason":4711}}"""))).Cause.Reason);

    // 275 is 19 in one byte, which is CommitDecided.
    [Fact]
    public void A_checkpoint_with_a_kind_that_no_byte_holds_is_unreadable() => Assert.Throws<LogCorruptException>(() => ShardCheckpoint.Decode(
        Row(RowKind.ShardCheckpoint, Open + "\"kind\":275,\"event\":{\"streams\":[],\"branches\":[{\"participant\":\"pg\",\"incarnation\":1}]}}]}")));

    [Fact]
    public void A_checkpoint_that_contradicts_itself_is_unreadable()
    {
        const string Event = "\"event\":{\"streams\":[],\"cause\":{\"reason\":1},\"branches\":[{\"participant\":\"pg\",\"incarnation\":1}]}}";
        var again = Open[Open.IndexOf("{\"transaction", StringComparison.Ordinal)..];
        Assert.Throws<LogCorruptException>(() => ShardCheckpoint.Decode(Row(RowKind.ShardCheckpoint, $"{Open}\"kind\":19,{Event},{again}\"kind\":20,{Event}]}}")));
    }

    [Theory]
    [InlineData("\"claim\":\"0123456789abcdef01\",\"host\":\"h\"")]
    [InlineData("\"claim\":\"ffffffffffffffff\",\"host\":\"h\"")]
    [InlineData("\"claim\":\"1\",\"host\":null")]
    [InlineData("\"claim\":\"1\",\"hostId\":\"10000000000000000\",\"host\":\"h\"")]
    [InlineData("\"claim\":\"1\",\"host\":\"h\",\"shards\":0")]
    [InlineData("\"claim\":\"1\",\"host\":\"h\",\"shards\":65537")]
    public void A_claim_with_a_number_too_long_or_no_host_is_unreadable(string members) =>
        Assert.Throws<LogCorruptException>(() => ShardClaimer.OwnerOf(Row(RowKind.ShardOwned, $"{{{members}}}")));

    [Theory]
    [InlineData("\"logId\":\"1c0de00000000c0de\",\"generation\":1,\"shardCount\":1,\"formatVersion\":1")]
    [InlineData("\"logId\":\"00000000c0de\",\"generation\":0,\"shardCount\":1,\"formatVersion\":1")]
    [InlineData("\"logId\":\"00000000c0de\",\"generation\":1,\"shardCount\":0,\"formatVersion\":1")]
    [InlineData("\"logId\":\"00000000c0de\",\"generation\":1,\"shardCount\":1,\"formatVersion\":-1")]
    [InlineData("\"logId\":\"00000000c0de\",\"generation\":1,\"shardCount\":1,\"formatVersion\":1,\"store\":null")]
    public void A_meta_row_that_names_no_log_is_refused(string members) => Assert.Contains(
        "can't be understood",
        Assert.Throws<LogStoreException>(() => MetaRow.Read(
            new LogRow { Stream = LogStreams.Meta, Version = 1, Kind = RowKind.LogCreated, AppendId = new(0xC0DE, 1), Payload = Encoding.UTF8.GetBytes($"{{{members}}}") }, "here", "the store")).Message,
        StringComparison.Ordinal);

    // Half a surrogate pair becomes the same three bytes in UTF-8 whichever half it is: two keys would be one.
    [Fact]
    public void A_key_with_half_a_surrogate_pair_is_refused() => Assert.All(["\ud800", "a\udc00", "\udc00\ud800"], text =>
    {
        Assert.Throws<ArgumentException>(() => new IdempotencyKey(text));
        Assert.Throws<ArgumentException>(() => new IdempotencyKey("x") { Tenant = text });
    });

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    [InlineData(253402300800000000)] // the first microsecond of the year 10000
    public void A_row_written_at_no_instant_can_t_be_trusted(long writtenAt)
    {
        var row = new LogRow { Stream = new("a"), Version = 1, Kind = RowKind.Event, AppendId = default, WrittenAt = writtenAt };
        row.Checksum = RowChecksum.Of(row, 0);
        Assert.NotNull(RowTrust.FaultOf(row, null));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("{\"amount\":\"much\"}")]
    [InlineData("{\"amount\":99999999999999999999}")]
    [InlineData("{")]
    public void An_event_that_does_not_fit_its_type_is_named(string json)
    {
        var row = new LogRow
        {
            Stream = new("account/a"), Version = 3, Kind = RowKind.Event, AppendId = default, Type = "account.deposited", TypeVersion = 1, Payload = Encoding.UTF8.GetBytes(json),
        };
        var error = Assert.Throws<EventUnreadableException>(() => TestEngine.EventTypes().TryRead(row));
        Assert.Equal(("account/a", 3L), (error.Stream.Value, error.Version));
        Assert.Contains("new version", error.Message, StringComparison.Ordinal);
    }

    private static LogRow Row(RowKind kind, string payload) => new()
    {
        Stream = LogStreams.Shard(0), Version = 2, Kind = kind, AppendId = default, Transaction = TransactionId.Parse("00000000c0de-01-0000-0000000007-0000000005-0000000009"), Payload = Encoding.UTF8.GetBytes(payload),
    };
}
