using Xunit;

namespace Coordinator.Tests;

/// <summary>What a key says of itself.</summary>
public sealed class IdempotencyKeyTests
{
    [Fact]
    public void A_key_as_text_tells_keys_apart_and_holds_neither_key_nor_tenant()
    {
        IdempotencyKey[] keys = [new("order-4711"), new("order-4711") { Tenant = "acme" }, new("order-4711") { Tenant = "" }, new("order-4712")];
        var texts = keys.Select(key => $"{key}").ToList();
        Assert.All(texts, text => Assert.Matches("^key [0-9a-f]{12}$", text));
        Assert.Equal(keys.Length, texts.Distinct().Count());
        Assert.Equal(texts[1], $"{new IdempotencyKey("order-4711") { Tenant = "acme" }}");
        Assert.StartsWith($"key/{texts[1][4..]}", keys[1].Stream.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("4711", $"{new TransactionOptions { Key = keys[1] }}", StringComparison.Ordinal);
    }
}
