using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Tests.Fuzzing;

/// <summary>Ids, names and keys of any characters: taken as they are or refused as documented.</summary>
public sealed class NameFuzzTests
{
    private const string GoodId = "00000000c0de-01-0007-000000002a-00deadbeef-0000000001";

    [Fact]
    public void A_damaged_id_is_another_id_or_none() => Fuzz.Texts(nameof(A_damaged_id_is_another_id_or_none), [GoodId], text =>
    {
        if (TransactionId.TryParse(text, null, out var id))
        {
            Assert.Equal(text, id.ToString());
            Assert.True(TransactionId.TryRead(id.ToByteArray(), out var again) && again == id);
        }
        else
        {
            Assert.True(id.IsEmpty);
            Assert.Throws<FormatException>(() => TransactionId.Parse(text));
        }
    });

    [Fact]
    public void Any_bytes_are_an_id_or_none() => Fuzz.Bytes(nameof(Any_bytes_are_an_id_or_none), [TransactionId.Parse(GoodId).ToByteArray()], bytes =>
    {
        Assert.Equal(bytes.Length == TransactionId.ByteLength, TransactionId.TryRead(bytes, out var id));
        Assert.True(bytes.Length != TransactionId.ByteLength || id.ToByteArray().AsSpan().SequenceEqual(bytes));
    });

    [Fact]
    public void Any_text_is_a_stream_name_as_it_stands_or_none() => Fuzz.Texts(
        nameof(Any_text_is_a_stream_name_as_it_stands_or_none), ["account/alice", "shard/7", "key/00ff"], text =>
    {
        var isName = text.Length is > 0 and <= StreamName.LengthMax && text.All(one => one is > ' ' and <= '~');
        Assert.Equal(isName, StreamName.TryCreate(text, out var name));
        Assert.Equal(isName ? text : string.Empty, name.Value);
    });

    [Fact]
    public void Any_text_is_a_key_of_its_own_or_none()
    {
        var streams = new Dictionary<StreamName, (string?, string)>();
        Fuzz.Texts(nameof(Any_text_is_a_key_of_its_own_or_none), ["order-4711", "", "\u00E4\U0001F600"], text =>
        {
            try
            {
                var cut = text.Length / 3;
                foreach (var key in new[] { new IdempotencyKey(text), new IdempotencyKey(text[cut..]) { Tenant = text[..cut] } })
                {
                    var named = (key.Tenant, key.Value);
                    Assert.Equal(named, streams.TryAdd(key.Stream, named) ? named : streams[key.Stream]);
                }
            }
            catch (ArgumentException)
            {
                // empty, too long, or half a surrogate pair: the documented answer
            }
        });
    }
}
