using System.Diagnostics.Metrics;
using System.Reflection;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>docs/telemetry.md says what the code declares, and the code declares what it has.</summary>
public sealed class TelemetryPageTests
{
    private const string Page = "docs/telemetry.md";

    [Fact]
    public void The_page_lists_every_instrument_as_the_engine_publishes_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        var labels = Declared<InstrumentName>().ToDictionary(name => name.Name, name => name.Labels);
        var published = heard.Instruments.Select(instrument => new[]
        {
            Code(instrument.Name),
            KindOf(instrument),
            Code(instrument.Unit!),
            string.Join(", ", labels[instrument.Name].Select(label => Code(label.Name))),
            instrument.Description!,
        });

        Assert.Equal(
            published.OrderBy(row => row[0], StringComparer.Ordinal),
            RepositoryFiles.Table(Page, "name", "kind", "unit", "labels", "meaning").OrderBy(row => row[0], StringComparer.Ordinal));
        Assert.Equal(labels.Keys.Order(StringComparer.Ordinal), heard.Instruments.Select(instrument => instrument.Name).Order(StringComparer.Ordinal));
    });

    [Fact]
    public void The_page_lists_every_label_with_all_its_values() => Assert.Equal(
        Declared<MetricLabel>().Where(label => label.Name != TelemetryNames.ParticipantEnd).Select(label => new[] { Code(label.Name), Values(label) }),
        RepositoryFiles.Table(Page, "label", "values"));

    [Fact]
    public void The_page_lists_every_span_with_its_tags() => Assert.Equal(
        Declared<SpanName>().Select(span => new[] { Code(span.Name), span.Meaning, string.Join(", ", span.Tags.Select(Code)) }),
        RepositoryFiles.Table(Page, "span", "meaning", "tags"));

    [Fact]
    public void The_page_explains_every_tag_that_is_no_label() => Assert.Equal(
        Declared<SpanName>().SelectMany(span => span.Tags).Except(Declared<MetricLabel>().Select(label => label.Name)).Append(TelemetryNames.ParticipantEnd).Select(Code).Order(StringComparer.Ordinal),
        RepositoryFiles.Table(Page, "tag", "what it says").Select(row => row[0]).Order(StringComparer.Ordinal));

    /// <summary>What spans of every kind of end really carry, against the table.</summary>
    [Fact]
    public void Spans_carry_the_tags_of_the_page_and_no_others() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true, reruns: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await engine.Transactions.RunAsync(async transaction => await transaction.DepositAsync("a", await transaction.BalanceAsync("b") + 1), new TransactionOptions { Key = new IdempotencyKey("k") });
        await engine.Transactions.RunAsync(transaction => transaction.AbortAsync().AsTask());
        await engine.WriteBehindItsBackAsync("account/a");
        await engine.Transactions.DepositAsync("a", 1); // conflicts, and is run again
        var count = 0;
        engine.Store.Script = _ => count++ == 0 ? new GroupAnswer(GroupAnswerKind.Unclear, new IOException("disk")) : null;
        await engine.Transactions.RunAsync(transaction => transaction.PublishAsync("notes", new Noted("x")).AsTask()); // fenced
        await loop.IdleAsync();

        var page = RepositoryFiles.Table(Page, "span", "meaning", "tags").ToDictionary(row => row[0].Trim('`'), row => row[2].Split(", ").Select(tag => tag.Trim('`')).Order(StringComparer.Ordinal));
        Assert.Equal(page.Keys.Order(StringComparer.Ordinal), heard.Spans.Select(span => span.OperationName).Distinct().Order(StringComparer.Ordinal));
        Assert.All(page, span => Assert.Equal(
            span.Value, heard.Spans.Where(one => one.OperationName == span.Key).SelectMany(one => one.TagObjects).Select(tag => tag.Key).Distinct().Order(StringComparer.Ordinal)));
    });

    // Labels are looked up by the number of an enum's member.
    [Theory]
    [InlineData(typeof(OutcomeKind))]
    [InlineData(typeof(AbortReason))]
    [InlineData(typeof(BeginRefusal))]
    [InlineData(typeof(CommitPhase))]
    [InlineData(typeof(LockMode))]
    [InlineData(typeof(LockWaitEnd))]
    [InlineData(typeof(GroupAnswerKind))]
    [InlineData(typeof(SnapshotResult))]
    [InlineData(typeof(ParticipationPhase))]
    public void Members_of_an_enum_that_is_a_label_count_from_zero_without_gaps(Type type) => Assert.Equal(
        Enumerable.Range(0, Enum.GetNames(type).Length),
        Enum.GetValues(type).Cast<object>().Select(member => Convert.ToInt32(member, null)));

    private static IEnumerable<T> Declared<T>() => typeof(TelemetryNames)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(field => field.FieldType == typeof(T))
        .Select(field => (T)field.GetValue(null)!);

    private static string KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" or "ObservableCounter" => "counter",
        "ObservableUpDownCounter" => "up-down counter",
        "ObservableGauge" => "gauge",
        "Histogram" => "histogram",
        var other => other,
    };

    private static string Values(MetricLabel label) => string.Join(", ", label.Values.Select(Code));

    private static string Code(string text) => $"`{text}`";
}
