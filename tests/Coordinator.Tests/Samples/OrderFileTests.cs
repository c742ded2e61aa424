using Shop.Input;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The Shop's input: a bad line is reported with its number, and the rest goes on.</summary>
public sealed class OrderFileTests
{
    [Theory]
    [InlineData("o1,ann", "2 fields")]
    [InlineData("o1,ann,lamp:1:5,x", "4 fields")]
    [InlineData(",ann,lamp:1:5", "order")]
    [InlineData("o1,a b,lamp:1:5", "user 'a b'")]
    [InlineData("o1,ann,lamp", "item:quantity:price")]
    [InlineData("o1,ann,lamp:0:5", "quantity '0'")]
    [InlineData("o1,ann,lamp:-1:5", "quantity '-1'")]
    [InlineData("o1,ann,lamp:1e3:5", "quantity '1e3'")]
    [InlineData("o1,ann,lamp:99999999999:5", "quantity")]
    [InlineData("o1,ann,lamp:1:-5", "price '-5'")]
    [InlineData("o1,ann,lamp:1:1.005", "price '1.005'")]
    [InlineData("o1,ann,lamp:1:5;lamp:1:6", "two prices")]
    [InlineData("{\"order\":\"o1\"", "not valid JSON")]
    [InlineData("{\"order\":\"o1\",\"user\":\"ann\",\"lines\":5}", "wrong kind")]
    [InlineData("{\"order\":\"o1\",\"user\":\"ann\",\"lines\":[]}", "0 items")]
    [InlineData("{\"order\":1,\"user\":\"ann\",\"lines\":[]}", "'order' is no text")]
    [InlineData("{\"user\":\"ann\",\"lines\":[{\"item\":\"lamp\",\"quantity\":1,\"price\":1}]}", "'order' is missing")]
    public async Task A_bad_line_is_reported_and_the_rest_goes_on(string line, string fault)
    {
        var (orders, bad) = await ReadAsync("order,user,lines", "g1,ann,lamp:2:19.90", line, string.Empty, "g2,bob,mug:1:4");
        Assert.Equal(["g1", "g2"], orders.Select(order => order.Order));
        var reported = Assert.Single(bad);
        Assert.Equal(3, reported.InputLine);
        Assert.Contains(fault, reported.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Both_forms_say_the_same_and_lines_of_one_item_are_one_demand()
    {
        var (orders, bad) = await ReadAsync(
            "o1,ann,mug:1:4.50;lamp:2:19.90;mug:2:4.50",
            """{"order":"o1","user":"ann","lines":[{"item":"lamp","quantity":2,"price":19.90},{"item":"mug","quantity":3,"price":4.5}]}""");
        Assert.Empty(bad);
        Assert.All(orders, order => Assert.Equal(
            [("lamp", 2, 1990L), ("mug", 3, 450L)], order.Lines.Select(line => (line.Item, line.Quantity, line.UnitPrice))));
        Assert.All(orders, order => Assert.Equal((3980 + 1350, "ann"), (order.Total, order.User)));
    }

    private static async Task<(List<OrderRequest> Orders, List<BadLine> Bad)> ReadAsync(params string[] lines)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, lines);
            return await OrderFile.ReadAsync(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
