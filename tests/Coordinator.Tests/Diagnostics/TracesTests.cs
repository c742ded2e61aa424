using System.Diagnostics;
using Coordinator.Aggregates;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Which spans there are, what they say, and what is current while users' code runs.</summary>
public sealed class TracesTests
{
    [Fact]
    public void A_commit_is_a_span_with_one_child_for_each_participant_and_a_linked_append() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        using var ambient = new Activity("caller").Start();
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await transaction.BalanceAsync("b");
        });
        await loop.IdleAsync();

        var span = Assert.Single(heard.Named(TelemetryNames.Transaction));
        Assert.Equal((ambient.SpanId, ambient.TraceId), (span.ParentSpanId, span.TraceId));
        Assert.Equal($"{outcome.Id}", span.GetTagItem(TelemetryNames.TransactionId));
        Assert.Equal(
            ("committed", 1, false, 2),
            (span.GetTagItem(TelemetryNames.Outcome.Name), span.GetTagItem(TelemetryNames.Attempt), span.GetTagItem(TelemetryNames.Keyed), span.GetTagItem(TelemetryNames.Participants)));
        var participants = heard.Named(TelemetryNames.Participant);
        Assert.All(participants, participant => Assert.Equal((span.SpanId, span.TraceId), (participant.ParentSpanId, participant.TraceId)));
        Assert.Equal(
            [("account", "exclusive", "committed"), ("account", "shared", "read_only")],
            participants.Select(Said).Order());
        var append = Assert.Single(heard.Named(TelemetryNames.Append));
        Assert.Equal(default, append.ParentSpanId);
        Assert.Equal(span.SpanId, Assert.Single(append.Links).Context.SpanId);
        Assert.Equal(("landed", 1, 2), (append.GetTagItem(TelemetryNames.Answer.Name), append.GetTagItem(TelemetryNames.Batches), append.GetTagItem(TelemetryNames.Rows)));

        static (string?, string?, string?) Said(Activity participant) => (
            (string?)participant.GetTagItem(TelemetryNames.Category),
            (string?)participant.GetTagItem(TelemetryNames.Mode.Name),
            (string?)participant.GetTagItem(TelemetryNames.ParticipantEnd));
    });

    [Fact]
    public void Spans_last_as_long_as_what_they_are_of() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await using var holder = engine.Transactions.Begin();
        await holder.DepositAsync("a", 1);
        await using var waiter = engine.Transactions.Begin();
        var waiting = waiter.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
        await holder.CommitAsync();
        await waiting;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        await waiter.CommitAsync();
        await loop.IdleAsync();

        Assert.Equal([TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3)], heard.Named(TelemetryNames.Transaction).Select(span => span.Duration));
        Assert.Equal([TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3)], heard.Named(TelemetryNames.Participant).Select(span => span.Duration));
        Assert.Equal([0.0, 2.0], heard.Named(TelemetryNames.Participant).Select(span => span.GetTagItem(TelemetryNames.LockWaited)));
    });

    [Fact]
    public void The_work_runs_under_its_attempts_span_and_the_caller_under_its_own() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.WriteBehindItsBackAsync("account/a");
        using var ambient = new Activity("caller").Start();
        var current = new List<Activity>();
        await engine.Transactions.RunAsync(async transaction =>
        {
            current.Add(Activity.Current!);
            await transaction.DepositAsync("a", 1);
            Assert.Same(current[^1], Activity.Current);
        });

        Assert.Same(ambient, Activity.Current);
        var attempts = heard.Named(TelemetryNames.Transaction).Where(span => span.ParentSpanId == ambient.SpanId).ToList();
        Assert.Equal(attempts, current);
        Assert.Equal([("aborted", 1), ("committed", 2)], attempts.Select(span => (span.GetTagItem(TelemetryNames.Outcome.Name), span.GetTagItem(TelemetryNames.Attempt))));
    });

    [Fact]
    public void Who_is_woken_by_another_transaction_goes_on_under_its_own_span() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        var hold = new TaskCompletionSource();
        var seen = new List<(Activity? Before, Activity? After)>();
        var works = new List<Task>();
        for (var i = 0; i < 3; i++)
        {
            works.Add(RunAsync(i));
            await loop.IdleAsync();
        }

        hold.SetResult();
        await Task.WhenAll(works);
        Assert.Equal(3, seen.Select(pair => pair.Before).Distinct().Count());
        Assert.All(seen, pair => Assert.Same(pair.Before, pair.After));
        Assert.Null(Activity.Current);

        async Task RunAsync(int number)
        {
            using var caller = new Activity($"caller {number}").Start();
            await engine.Transactions.RunAsync(async transaction =>
            {
                var before = Activity.Current;
                Assert.Equal(caller.SpanId, before!.ParentSpanId);
                await transaction.DepositAsync("a", 1);
                seen.Add((before, Activity.Current));
                await hold.Task;
            });
            Assert.Same(caller, Activity.Current);
        }
    });

    [Fact]
    public void A_transaction_begun_by_hand_is_never_current() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        using var first = new Activity("first").Start();
        var transaction = engine.Transactions.Begin();
        Assert.Same(first, Activity.Current);
        await transaction.DepositAsync("a", 1);
        first.Stop();
        using var second = new Activity("second").Start();
        await transaction.CommitAsync(); // its span ends here, and was begun under the first

        Assert.Same(second, Activity.Current);
        Assert.Equal(first.SpanId, Assert.Single(heard.Named(TelemetryNames.Transaction)).ParentSpanId);
    });

    [Theory]
    [InlineData(ActivitySamplingResult.None)]
    [InlineData(ActivitySamplingResult.PropagationData)]
    public void A_transaction_that_is_not_recorded_has_no_other_spans(ActivitySamplingResult sampling) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry) { Sampling = name => name == TelemetryNames.Transaction.Name ? sampling : ActivitySamplingResult.AllDataAndRecorded };
        await engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();

        Assert.DoesNotContain(heard.Spans, span => span.OperationName != TelemetryNames.Transaction.Name);
        Assert.Empty(heard.Spans.SelectMany(span => span.TagObjects));
    });

    [Fact]
    public void A_group_of_many_transactions_has_a_bounded_number_of_links() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        engine.Store.HoldsAppends = true;
        var deposits = Enumerable.Range(0, 50).Select(number => engine.Transactions.DepositAsync($"a{number}", 1)).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await Task.WhenAll(deposits);
        await loop.IdleAsync();

        var append = Assert.Single(heard.Named(TelemetryNames.Append));
        Assert.Equal((50, 32), (append.GetTagItem(TelemetryNames.Batches), append.Links.Count()));
    });

    [Fact]
    public void A_fence_is_linked_to_the_transactions_that_it_settles_and_carries_none() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        var count = 0;
        engine.Store.Script = _ => count++ == 0 ? new GroupAnswer(GroupAnswerKind.Unclear, new IOException("disk")) : null;
        await engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();

        var transaction = Assert.Single(heard.Named(TelemetryNames.Transaction));
        var appends = heard.Named(TelemetryNames.Append);
        Assert.Equal(
            [("unclear", 1, 2), ("landed", 0, 1), ("landed", 1, 2)],
            appends.Select(span => ((string?)span.GetTagItem(TelemetryNames.Answer.Name), (int)span.GetTagItem(TelemetryNames.Batches)!, (int)span.GetTagItem(TelemetryNames.Rows)!)));
        Assert.All(appends, span => Assert.Equal(transaction.SpanId, Assert.Single(span.Links).Context.SpanId));
    });

    [Fact]
    public void A_participant_that_is_in_doubt_when_its_host_is_displaced_has_a_span_that_says_so() => SimulationLoop.Run(async loop =>
    {
        await using var first = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(first.Engine.Telemetry);
        first.Store.HoldsAppends = true;
        var deposit = first.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
        await using var second = await TestEngine.StartAsync(loop, first.Rows, seed: 2);
        first.Store.Release();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10));
        Assert.IsType<TransactionOutcome.Unknown>(await deposit);

        Assert.Equal("unknown", Assert.Single(heard.Named(TelemetryNames.Transaction)).GetTagItem(TelemetryNames.Outcome.Name));
        Assert.Equal("in_doubt", Assert.Single(heard.Named(TelemetryNames.Participant)).GetTagItem(TelemetryNames.ParticipantEnd));
    });

    [Fact]
    public void An_abort_marks_its_span_as_failed_unless_it_was_asked_for() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await engine.Transactions.RunAsync(transaction => transaction.AbortAsync("no").AsTask());
        await engine.Transactions.DepositAsync("a", 1);
        await engine.WriteBehindItsBackAsync("account/a");
        await engine.Transactions.DepositAsync("a", 1);

        Assert.Equal(
            [(ActivityStatusCode.Unset, "requested"), (ActivityStatusCode.Unset, null), (ActivityStatusCode.Error, "conflict")],
            heard.Named(TelemetryNames.Transaction).Select(span => (span.Status, (string?)span.GetTagItem(TelemetryNames.Reason.Name))));
    });

    [Fact]
    public async Task What_the_host_does_by_the_clock_belongs_to_no_activity_of_who_started_it()
    {
        var (beats, secondBeat) = (0, new TaskCompletionSource<Activity?>(TaskCreationOptions.RunContinuationsAsynchronously));
        var store = new TestStore(new InMemoryLogStore(TimeProvider.System))
        {
            BeforeBeat = () =>
            {
                if (Interlocked.Increment(ref beats) == 2) // the first may be part of the start
                {
                    secondBeat.SetResult(Activity.Current);
                }
            },
        };
        var events = TestEngine.EventTypes();
        var seams = new EngineSeams(store, TimeProvider.System, SystemRandomSource.Instance, ThreadPoolDispatcher.Instance, null, "here", UnknownProcesses.Instance);
        await using var engine = new TransactionEngine(seams, new CoordinatorOptions(), events, new AggregateTypes(events), NullLogger.Instance);
        using var starter = new Activity("starter").Start();
        await engine.StartAsync(CancellationToken.None);

        Assert.Null(await secondBeat.Task.OrFailAsync("second heartbeat was sent"));
    }
}
