using Shop;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>The Shop's command line: what makes no sense is told, and no log is opened or made.</summary>
public sealed class CommandLineInputTests
{
    public static TheoryData<string, string> Lines => new()
    {
        { "dance", "no command 'dance'" },
        { "order", "Say which order" },
        { "run|a|b", "one word too many" },
        { "--stock|-1", "'-1' is no value for --stock" },
        { "--stock|0", "'0' is no value for --stock" },
        { "--stock|1e309", "'1e309' is no value for --stock" },
        { "--stock|NaN", "'NaN' is no value for --stock" },
        { "--concurrency", "no value for --concurrency" },
        { "--concurrency|99999999999", "no value for --concurrency" },
        { "--balance|-0.01", "no value for --balance" },
        { "--balance|1,5", "no value for --balance" },
        { "--data", "no value for --data" },
        { "--colour|red", "no option --colour" },
        { "item|x|--fresh", "--fresh goes with run only" },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_command_line_that_makes_no_sense_is_told_why(string words, string fault)
    {
        Assert.Null(ShopArguments.Parse(words.Split('|'), out var told)); // the program opens nothing without arguments
        Assert.Contains(fault, told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_makes_no_log()
    {
        var folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Assert.Equal(2, await ShopProgram.RunAsync(["run", Path.Combine(folder, "orders.csv"), "--data", folder]));
        Assert.False(Directory.Exists(folder));
    }
}
