using System.Collections.Immutable;
using System.Text;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Shard rows are read by every later version: their text is part of the contract.</summary>
public sealed class ShardEventCodecTests
{
    private static readonly TransactionId Id = new(new LogIdentity(1, 1), 0, 1, 1, 1);
    private static readonly ImmutableArray<Branch> Branches = [new(new(new("pg")), new(7))];
    private static readonly ImmutableArray<Redo> Redos = [new(new("a/1"), 4, new(0, 9), [new("x", 2, new byte[] { 1, 2 })]), new(new("b"), Redo.AtEnd, default, [])];

    public static TheoryData<string, string> Texts => new()
    {
        { nameof(CommitEvent.CommitDecided), """{"branches":[{"participant":"pg","incarnation":7}],"streams":[{"stream":"a/1","expected":4,"count":1},{"stream":"b","expected":-1,"count":0}]}""" },
        { nameof(CommitEvent.AbortDecided), """{"branches":[{"participant":"pg","incarnation":7}],"streams":[{"stream":"a/1","expected":4,"count":1},{"stream":"b","expected":-1,"count":0}],"afterLastResource":true,"cause":{"reason":10,"participant":"pg","detail":"no"}}""" },
        { nameof(CommitEvent.LastResourceCommitting), """{"branches":[{"participant":"pg","incarnation":7}],"resource":[{"participant":"pg","incarnation":7}],"streams":[{"stream":"a/1","expected":4,"previousShard":0,"previousPosition":9,"events":[{"type":"x","version":2,"payload":"AQI="}]},{"stream":"b","expected":-1,"previousShard":0,"previousPosition":0,"events":[]}]}""" },
        { nameof(CommitEvent.TransactionEnded), "{}" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void An_event_is_written_as_this_text_and_read_back(string name, string text)
    {
        var durable = Sample(name);
        var bytes = ShardEventCodec.Encode(durable);

        Assert.Equal(text, Encoding.UTF8.GetString(bytes));
        var read = Read(ShardEventCodec.KindOf(durable), bytes);
        Assert.Equal(durable.GetType(), read.GetType());
        if (durable is CommitEvent.LastResourceCommitting)
        {
            Assert.Equal(text, Encoding.UTF8.GetString(ShardEventCodec.Encode(read))); // the redo is inside, whole
        }
    }

    [Fact]
    public void Unknown_fields_are_ignored() => Assert.IsType<CommitEvent.CommitDecided>(Read(RowKind.CommitDecided, """{"streams":[],"new":{"x":1}}"""u8));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"streams\":7}")]
    [InlineData("{\"streams\":[{\"stream\":\"with blank\",\"expected\":1}]}")]
    [InlineData("{\"streams\":[{\"stream\":\"a\",\"expected\":\"1\"}]}")]
    public void An_odd_row_is_unreadable_and_never_something_else(string text) =>
        Assert.Throws<LogCorruptException>(() => Read(RowKind.CommitDecided, Encoding.UTF8.GetBytes(text)));

    private static CommitEvent Sample(string name) => name switch
    {
        nameof(CommitEvent.CommitDecided) => new CommitEvent.CommitDecided(Id, Branches, Redos, false),
        nameof(CommitEvent.AbortDecided) => new CommitEvent.AbortDecided(
            Id, Branches, Redos, true, new AbortCause(AbortReason.LastResourceAborted, new ParticipantId(new("pg")), "no")),
        nameof(CommitEvent.LastResourceCommitting) => new CommitEvent.LastResourceCommitting(Id, Branches, Branches[0], Redos),
        _ => new CommitEvent.TransactionEnded(Id),
    };

    private static CommitEvent Read(RowKind kind, ReadOnlySpan<byte> payload) => ShardEventCodec.Decode(new LogRow
    {
        Stream = LogStreams.Shard(0), Version = 2, Kind = kind, AppendId = default, Transaction = Id, Payload = payload.ToArray(),
    });
}
