using System.Text;
using Coordinator.Testing;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Tests.Histories;

/// <summary>Histories as text: by hand, and as a process that may be killed writes them.</summary>
public sealed class HistoryTextTests
{
    [Fact]
    public void A_begin_and_an_end_are_one_transaction()
    {
        var history = HistoryText.Parse(
            """
            # two clients
            c1 begin 10: append x 1, read y
            c2 begin 11: write z 7
              c1 committed 20: append x 1, read y [4 5]

            c2 aborted 21
            """);

        Assert.Equal(["T1", "T2"], history.Select(transaction => transaction.Name));
        Assert.Equal((RecordedOutcome.Committed, 10L, 20L), (history[0].Outcome, history[0].BeganAt, history[0].EndedAt));
        Assert.Equal("append x 1, read y [4 5]", string.Join(", ", history[0].Operations));
        Assert.Equal((RecordedOutcome.Aborted, 11L, 21L), (history[1].Outcome, history[1].BeganAt, history[1].EndedAt));
        Assert.Equal("write z 7", string.Join(", ", history[1].Operations));
    }

    [Fact]
    public void A_begin_without_an_end_is_of_unknown_outcome()
    {
        var transaction = Assert.Single(HistoryText.Parse("c1 begin 10: append x 1, read y"));

        Assert.Equal((RecordedOutcome.Unknown, 10L, null), (transaction.Outcome, transaction.BeganAt, transaction.EndedAt));
        Assert.Equal("append x 1, read y", string.Join(", ", transaction.Operations));
    }

    [Theory]
    [InlineData("c1 committed 1 2: append x -1, read x [], read x [1 2], read y")]
    [InlineData("c1 aborted: write z 7, write z 8 @3, read z 8, read z 8 @3, read z none, read z none @0")]
    [InlineData("c1 unknown: ")]
    public void A_transaction_is_written_as_it_is_read(string line) =>
        Assert.Equal(line, HistoryText.Format(Assert.Single(HistoryText.Parse(line))));

    [Theory]
    [InlineData("c1", "a line is a client, what it did")]
    [InlineData("c1 done 1 2: append x 1", "'done' is none of begin, committed, aborted, unknown")]
    [InlineData("c1 committed 1: append x 1", "has not begun")]
    [InlineData("c1 begin: append x 1", "a begin has one time")]
    [InlineData("c1 begin 1: append x 1\nc1 begin 2: append x 2", "has begun another transaction")]
    [InlineData("c1 begin 1: append x 1\nc1 committed 1 2: append x 1", "its end has one time")]
    [InlineData("c1 committed 1 two: append x 1", "'two' is no number")]
    [InlineData("c1 committed: append x", "'append x' is no operation")]
    [InlineData("c1 committed: append x 1 @2", "is no operation")]
    [InlineData("c1 committed: read x [1 2", "is no read of a list")]
    [InlineData("c1 committed: append x [1]", "is no read of a list")]
    [InlineData("c1 committed: read x [1 b]", "'b' is no number")]
    [InlineData("c1 committed: write x 99999999999999999999", "is no number")]
    public void What_makes_no_sense_is_refused_by_its_line(string text, string why)
    {
        var error = Assert.Throws<FormatException>(() => HistoryText.Parse("# a comment\n\n" + text));

        Assert.StartsWith(text.Contains('\n', StringComparison.Ordinal) ? "line 4: " : "line 3: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_writer_leaves_what_a_reader_understands()
    {
        using var stream = new MemoryStream();
        var time = new VirtualTime();
        using (var writer = new HistoryWriter(stream, time))
        {
            writer.Begin("c1", new MicroOperation.Append("x", 1), new MicroOperation.ReadList("y", default));
            time.Advance(TimeSpan.FromMilliseconds(5));
            writer.End("c1", RecordedOutcome.Committed, new MicroOperation.Append("x", 1), new MicroOperation.ReadList("y", [2]));
        }

        var transaction = Assert.Single(HistoryText.Parse(Encoding.UTF8.GetString(stream.ToArray())));
        Assert.Equal((RecordedOutcome.Committed, time.GetTimestamp()), (transaction.Outcome, transaction.EndedAt));
        Assert.Equal("append x 1, read y [2]", string.Join(", ", transaction.Operations));
    }

    [Fact]
    public void The_example_of_the_docs_is_what_the_docs_say()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Coordinator.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        var docs = File.ReadAllText(Path.Combine(folder, "docs", "histories.md")).ReplaceLineEndings("\n");
        var example = docs.Split("```")[1]["text\n".Length..];

        var report = HistoryChecker.Check(HistoryText.Parse(example));

        Assert.Equal([AnomalyKind.GSingle], report.Anomalies.Select(anomaly => anomaly.Kind));
        Assert.All(report.Anomalies[0].Witness, line => Assert.Contains("//   " + line + "\n", docs, StringComparison.Ordinal));
    }

    /// <summary>A process killed in the midst of a line: the next one goes on behind the last whole one, wherever it was cut.</summary>
    [Fact]
    public void A_history_that_was_cut_off_anywhere_is_gone_on_with()
    {
        var whole = "c1 begin 1: append x 1\nc1 committed 2: append x 1\n";
        var file = Path.GetTempFileName();
        try
        {
            for (var length = 0; length <= whole.Length; length++)
            {
                File.WriteAllText(file, whole[..length]);
                using (var writer = HistoryWriter.Append(file, new VirtualTime()))
                {
                    writer.Begin("c2", new MicroOperation.Append("x", 2));
                }

                var lines = whole[..length].Count(letter => letter == '\n');
                var history = HistoryText.Parse(File.ReadAllText(file));
                Assert.Equal(lines == 0 ? ["c2"] : ["c1", "c2"], history.Select(transaction => transaction.Process));
                Assert.Equal(lines == 2, history[0].Outcome is RecordedOutcome.Committed);
            }
        }
        finally
        {
            File.Delete(file);
        }
    }
}
