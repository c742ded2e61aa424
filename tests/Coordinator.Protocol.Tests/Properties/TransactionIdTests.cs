using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

public sealed class TransactionIdTests
{
    private const string Good = "00000000c0de-01-0007-000000002a-00deadbeef-0000000001";

    private static readonly Gen<TransactionId> Ids =
        from log in Checking.Bits(48)
        from generation in Checking.Bits(8)
        from shard in Checking.Bits(16)
        from epoch in Checking.Bits(40)
        from claim in Checking.Bits(40)
        from sequence in Checking.Bits(40)
        select new TransactionId(new LogIdentity(log, (byte)generation), (ushort)shard, epoch, claim, sequence);

    public static TheoryData<string> BadIds =>
    [
        string.Empty,
        Good[..^1], // 52 characters
        Good + "0", // 54
        Good.ToUpperInvariant(),
        Good.Replace("dead", "dEad"),
        " " + Good[1..],
        Good[..^1] + " ",
        Good[..20] + " " + Good[21..],
        "'" + Good[1..],
        Good[..^1] + "\"",
        Good[..^1] + "\0",
        Good[..^2] + "\r\n",
        Good[..^1] + "\n",
        Good[..^1] + "\u200F", // right-to-left mark
        Good[..^2] + "\U0001F600", // emoji, two UTF-16 units
        Good[..^1] + "\u0661", // a digit, but not ASCII
        "../../../../../../../etc/passwd-01-0007-000000002a-00de"[..53],
        "/" + Good[1..],
        Good.Replace('-', '_'),
        Good.Replace('-', '\u2010'),
        Good[1..13] + Good[0] + Good[13..], // a dash out of place
        Good.Replace("c0de", "c0dg"),
        "0x000000c0de-01-0007-000000002a-00deadbeef-0000000001",
        "+0000000c0de-01-0007-000000002a-00deadbeef-0000000001",
    ];

    [Fact]
    public void The_text_form_round_trips() => Checking.ForAll(
        Ids,
        id => id.ToString().Length == TransactionId.TextLength && TransactionId.Parse(id.ToString()) == id
            && TransactionId.TryParse(id.ToString(), null, out var again) && again.GetHashCode() == id.GetHashCode(),
        nameof(The_text_form_round_trips));

    [Fact]
    public void The_binary_form_round_trips() => Checking.ForAll(
        Ids,
        id => TransactionId.TryRead(id.ToByteArray(), out var again) && again == id && id.ToByteArray().Length == TransactionId.ByteLength,
        nameof(The_binary_form_round_trips));

    [Fact]
    public void Every_field_comes_back() => Checking.ForAll(
        from id in Ids
        select id,
        id => new TransactionId(id.Log, id.Shard, id.Epoch, id.ClaimBits, id.Sequence) == id,
        nameof(Every_field_comes_back));

    [Fact]
    public void Ids_are_ordered_as_their_bytes_and_as_their_texts() => Checking.ForAll(
        from left in Ids
        from other in Ids
        from same in Gen.Choose(0, 3)
        select (left, right: same == 0 ? left : same == 1 ? Nudged(left) : other),
        pair =>
        {
            var order = Math.Sign(pair.left.CompareTo(pair.right));
            return order == Math.Sign(pair.left.ToByteArray().AsSpan().SequenceCompareTo(pair.right.ToByteArray()))
                && order == Math.Sign(string.CompareOrdinal(pair.left.ToString(), pair.right.ToString()))
                && (order == 0) == (pair.left == pair.right)
                && order < 0 == pair.left < pair.right;
        },
        nameof(Ids_are_ordered_as_their_bytes_and_as_their_texts));

    [Fact]
    public void A_text_with_one_character_changed_is_refused_or_another_id() => Checking.ForAll(
        from id in Ids
        from at in Gen.Choose(0, TransactionId.TextLength - 1)
        from to in Gen.Choose(0, 0xFFFF)
        select (id, at, to: (char)to),
        one =>
        {
            var text = one.id.ToString().ToCharArray();
            var changed = text[one.at] != one.to;
            text[one.at] = one.to;
            return !TransactionId.TryParse(text, null, out var read) || (read != one.id) == changed;
        },
        nameof(A_text_with_one_character_changed_is_refused_or_another_id));

    [Theory]
    [MemberData(nameof(BadIds))]
    public void A_text_that_is_not_an_id_is_refused(string text)
    {
        Assert.False(TransactionId.TryParse(text, null, out var id));
        Assert.True(id.IsEmpty);
        Assert.Throws<FormatException>(() => TransactionId.Parse(text));
    }

    [Fact]
    public void The_good_text_of_these_tests_is_an_id() => Assert.Equal(Good, TransactionId.Parse(Good).ToString());

    [Fact]
    public void No_text_is_no_id()
    {
        Assert.False(TransactionId.TryParse(null, null, out _));
        Assert.Throws<ArgumentNullException>(() => TransactionId.Parse((string)null!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(23)]
    [InlineData(25)]
    public void Bytes_of_another_length_are_refused(int length) => Assert.False(TransactionId.TryRead(new byte[length], out _));

    private static TransactionId Nudged(TransactionId id) =>
        new(id.Log, id.Shard, id.Epoch, id.ClaimBits, id.Sequence == TransactionId.Max40 ? id.Sequence - 1 : id.Sequence + 1);
}
