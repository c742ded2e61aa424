using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

public sealed class StreamNameTests
{
    public static TheoryData<string> BadNames =>
    [
        string.Empty,
        " ",
        "account/ alice",
        " account/alice",
        "account/alice ",
        "account\talice",
        "account/alice\0",
        "account/alice\r\n",
        "account/al\u00EFce", // not ASCII
        "account/\u200Falice", // right-to-left mark
        "account/\U0001F600", // emoji
        "account/alice\u007F",
        new string('a', StreamName.LengthMax + 1),
    ];

    [Theory]
    [MemberData(nameof(BadNames))]
    public void A_bad_name_is_refused_with_a_reason(string name)
    {
        Assert.False(StreamName.TryCreate(name, out var stream));
        Assert.True(stream.IsEmpty);
        Assert.NotEmpty(Assert.Throws<ArgumentException>(() => new StreamName(name)).Message);
    }

    [Fact]
    public void No_name_is_refused()
    {
        Assert.False(StreamName.TryCreate(null, out _));
        Assert.Throws<ArgumentNullException>(() => new StreamName(null!));
    }

    [Fact]
    public void Every_printable_character_is_allowed()
    {
        var all = string.Concat(Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code));

        Assert.Equal(all, new StreamName(all).Value);
    }

    [Fact]
    public void The_longest_name_is_allowed() => Assert.True(StreamName.TryCreate(new string('a', StreamName.LengthMax), out _));

    [Fact]
    public void Names_that_differ_in_case_are_different_and_ordered_by_bytes()
    {
        Assert.NotEqual(new StreamName("a"), new StreamName("A"));
        Assert.True(new StreamName("A").CompareTo(new StreamName("a")) < 0);
        Assert.True(new StreamName("a").CompareTo(new StreamName("a/")) < 0);
    }
}
