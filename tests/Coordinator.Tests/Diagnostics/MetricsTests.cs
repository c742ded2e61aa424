using System.Diagnostics;
using System.Diagnostics.Metrics;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>What is measured, and when.</summary>
public sealed class MetricsTests
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_commit_is_counted_once_and_timed_in_each_phase() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await using var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second);
        engine.Store.HoldsAppends = true;
        var committing = transaction.CommitAsync();
        await loop.AdvanceAsync(s_second * 2);
        engine.Store.Release();
        Assert.True((await committing).IsCommitted);

        Assert.Equal([1.0], heard.Of(TelemetryNames.TransactionCount, TelemetryNames.Outcome, "committed"));
        Assert.Equal([3.0], heard.Of(TelemetryNames.TransactionDuration, TelemetryNames.Outcome, "committed"));
        Assert.Equal(
            [("active", 1.0), ("preparing", 0.0), ("committing", 2.0)],
            heard.Of(TelemetryNames.PhaseDuration).Select(measured => ((string)measured.Labels[TelemetryNames.Phase.Name]!, measured.Value)));
        Assert.Equal([2.0], heard.Of(TelemetryNames.AppendDuration, TelemetryNames.Answer, "landed"));
        Assert.Equal(1.0, Assert.Single(heard.Of(TelemetryNames.AppendBatches)).Value);
        Assert.Equal(2.0, Assert.Single(heard.Of(TelemetryNames.AppendRows)).Value);
    });

    [Fact]
    public void An_abort_is_counted_with_its_reason() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await engine.Transactions.RunAsync(transaction => transaction.AbortAsync("no").AsTask());

        var counted = Assert.Single(heard.Of(TelemetryNames.TransactionCount));
        Assert.Equal(("aborted", "requested"), (counted.Labels[TelemetryNames.Outcome.Name], counted.Labels[TelemetryNames.Reason.Name]));
    });

    [Fact]
    public void An_outcome_that_was_told_unknown_is_not_counted_again_when_it_is_known() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true, configure: options => options.AppendStallTimeout = TimeSpan.FromMinutes(10));
        using var heard = new Listening(engine.Engine.Telemetry);
        engine.Store.HoldsAppends = true;
        var deposit = engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(31));
        Assert.IsType<TransactionOutcome.Unknown>(await deposit);
        engine.Store.Release();
        await loop.AdvanceAsync(s_second);

        Assert.True((await engine.Transactions.OutcomeOfAsync((await deposit).Id)).IsCommitted);
        Assert.Equal("unknown", Assert.Single(heard.Of(TelemetryNames.TransactionCount)).Labels[TelemetryNames.Outcome.Name]);
    });

    [Fact]
    public void Only_who_has_to_wait_for_a_lock_is_measured() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        var first = engine.Transactions.Begin();
        await first.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second);
        await using var second = engine.Transactions.Begin();
        var waiting = second.BalanceAsync("a");
        await loop.AdvanceAsync(s_second * 3);
        await first.CommitAsync();
        await waiting;

        var waited = Assert.Single(heard.Of(TelemetryNames.LockWait));
        Assert.Equal((3.0, "shared", "granted"), (waited.Value, waited.Labels[TelemetryNames.Mode.Name], waited.Labels[TelemetryNames.WaitEnd.Name]));
    });

    [Fact]
    public void A_wound_and_the_attempt_behind_it_are_counted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        await using var older = engine.Transactions.Begin();
        var (runs, hold) = (0, new TaskCompletionSource());
        var younger = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await (++runs == 1 ? hold.Task : Task.CompletedTask);
        });
        await loop.IdleAsync();
        await older.DepositAsync("a", 1);
        await older.CommitAsync();
        hold.SetResult();

        Assert.True((await younger).IsCommitted);
        Assert.Single(heard.Of(TelemetryNames.WoundCount));
        Assert.Equal([1.0], heard.Of(TelemetryNames.RerunCount, TelemetryNames.Reason, "wounded"));
    });

    [Fact]
    public void What_is_under_way_can_be_observed_until_it_is_over() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        engine.Store.HoldsAppends = true;
        var deposit = engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second * 3);

        Assert.Equal(1, heard.Look(TelemetryNames.InFlight));
        Assert.Equal(1, heard.Look(TelemetryNames.InHand));
        Assert.Equal(1, heard.Look(TelemetryNames.InDoubt)); // voted 3 s ago, and asks since 2 s
        Assert.Equal(3, heard.Look(TelemetryNames.UnresolvedAge));
        Assert.True(heard.Look(TelemetryNames.Backlog) > 0);
        engine.Store.Release();
        await deposit;
        await loop.AdvanceAsync(s_second);
        foreach (var instrument in new[] { TelemetryNames.InFlight, TelemetryNames.InHand, TelemetryNames.InDoubt, TelemetryNames.UnresolvedAge, TelemetryNames.Backlog })
        {
            Assert.Equal(0, heard.Look(instrument));
        }
    });

    [Fact]
    public void A_participant_that_has_just_voted_is_not_in_doubt_yet() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry);
        engine.Store.HoldsAppends = true;
        var deposit = engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(0.9));

        Assert.Equal(0, heard.Look(TelemetryNames.InDoubt));
        engine.Store.Release();
        await deposit;
    });

    [Fact]
    public void A_term_is_counted_at_its_host_and_a_take_over_only_where_the_other_had_not_handed_over() => SimulationLoop.Run(async loop =>
    {
        await using var first = TestEngine.Create(loop, telemetry: true);
        using var heardFirst = new Listening(first.Engine.Telemetry);
        await first.Engine.StartAsync(CancellationToken.None);
        await using var second = TestEngine.Create(loop, first.Rows, seed: 2, telemetry: true);
        using var heardSecond = new Listening(second.Engine.Telemetry);
        await second.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(s_second * 10);

        Assert.Single(heardFirst.Of(TelemetryNames.TermCount));
        Assert.Empty(heardFirst.Of(TelemetryNames.TakeOverCount));
        Assert.Single(heardSecond.Of(TelemetryNames.TermCount));
        Assert.Single(heardSecond.Of(TelemetryNames.TakeOverCount));
        Assert.Equal((0, 1), (heardFirst.Look(TelemetryNames.Owned), heardSecond.Look(TelemetryNames.Owned)));
    });

    [Fact]
    public void A_take_over_is_counted_and_said_where_the_stores_own_lock_decides_about_it() => SimulationLoop.Run(async loop =>
    {
        var first = TestEngine.Create(loop, telemetry: true);
        first.Store.HasNoBeats = true;
        await first.Engine.StartAsync(CancellationToken.None); // and is gone without a word
        await using var second = TestEngine.Create(loop, first.Rows, seed: 2, telemetry: true);
        second.Store.HasNoBeats = true;
        using var heard = new Listening(second.Engine.Telemetry);
        await second.Engine.StartAsync(CancellationToken.None);
        Assert.Single(heard.Of(TelemetryNames.TakeOverCount));
        Assert.Single(second.Said(1312));

        await second.Engine.StopAsync(CancellationToken.None);
        await using var third = TestEngine.Create(loop, first.Rows, seed: 3, telemetry: true);
        third.Store.HasNoBeats = true;
        using var heardThird = new Listening(third.Engine.Telemetry);
        await third.Engine.StartAsync(CancellationToken.None);
        Assert.Empty(heardThird.Of(TelemetryNames.TakeOverCount)); // it was handed over
        Assert.Empty(third.Said(1312));
    });

    [Fact]
    public async Task A_host_that_has_stopped_owns_nothing()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddMetrics(); // the meter is the application's, and can be asked after the host's end
        services.AddCoordinator().UseInMemoryLog();
        await using var provider = services.BuildServiceProvider();
        using var heard = new Listening(provider.GetRequiredService<TransactionEngine>().Telemetry);
        var hosted = Assert.Single(provider.GetServices<IHostedService>());
        await hosted.StartAsync(CancellationToken.None);
        Assert.Equal(1, heard.Look(TelemetryNames.Owned));
        await hosted.StopAsync(CancellationToken.None);

        Assert.Equal(0, heard.Look(TelemetryNames.Owned));
    }

    [Fact]
    public void A_transaction_that_comes_to_a_shard_that_has_just_closed_is_not_in_flight() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        Task? stopping = null;
        using var heard = new Listening(engine.Engine.Telemetry)
        {
            // Asked between the look at whether the shard takes work and the begin.
            Sampling = _ =>
            {
                stopping ??= engine.Engine.StopAsync(CancellationToken.None);
                return ActivitySamplingResult.None;
            },
        };
        Assert.False((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        await stopping!;

        Assert.Equal(0, engine.Engine.InFlightCount);
    });

    [Fact]
    public void A_displaced_host_has_nothing_in_flight() => SimulationLoop.Run(async loop =>
    {
        await using var first = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(first.Engine.Telemetry);
        first.Store.HoldsAppends = true;
        var deposits = Enumerable.Range(0, 3).Select(number => first.Transactions.DepositAsync($"a{number}", 1)).ToList();
        await loop.IdleAsync();
        await using var second = await TestEngine.StartAsync(loop, first.Rows, seed: 2);
        first.Store.Release();
        await loop.AdvanceAsync(s_second * 10);
        await Task.WhenAll(deposits);

        Assert.Equal((0, 0), (heard.Look(TelemetryNames.InFlight), heard.Look(TelemetryNames.Owned)));
    });

    [Fact]
    public void A_begin_that_is_refused_is_counted_with_why() => SimulationLoop.Run(async loop =>
    {
        await using var engine = TestEngine.Create(loop, telemetry: true, configure: options => options.InFlightMax = 1);
        using var heard = new Listening(engine.Engine.Telemetry);
        Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
        await engine.Engine.StartAsync(CancellationToken.None);
        await using (engine.Transactions.Begin())
        {
            await Assert.ThrowsAsync<TransactionRefusedException>(() => engine.Transactions.DepositAsync("a", 1));
        }

        await using var other = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        await loop.AdvanceAsync(s_second * 10);
        Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());

        Assert.Equal(["not_started", "in_flight", "standing_by"], heard.Of(TelemetryNames.RefusedCount).Select(measured => measured.Labels[TelemetryNames.Refusal.Name]));
    });

    /// <summary>Two more where somebody listens: when the wait begins and when it ends.</summary>
    [Fact]
    public void A_wait_for_a_lock_reads_no_clock_for_a_measurement_that_nobody_listens_to() =>
        Assert.Equal(2, ClockReadsOfAWait(isHeard: true) - ClockReadsOfAWait(isHeard: false));

    [Fact]
    public void A_snapshot_is_counted_when_it_was_written_and_when_it_could_not_be() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(
            loop, telemetry: true, snapshots: types => types.Add<Account>("bank.account", 1, 1, null));
        using var heard = new Listening(engine.Engine.Telemetry);
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second);
        engine.Store.BeforeSnapshotWrite = _ => throw new IOException("not today");
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second);

        Assert.Equal(["taken", "failed"], heard.Of(TelemetryNames.SnapshotCount).Select(measured => measured.Labels[TelemetryNames.Result.Name]));
    });

    [Fact]
    public void A_listener_that_throws_costs_no_transaction() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(engine.Engine.Telemetry)
        {
            Measuring = () => throw new InvalidOperationException("a bug of the listener"),
            Stopped = _ => throw new InvalidOperationException("a bug of the listener"),
        };

        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        engine.AssertNoViolation();
        Assert.Single(engine.Said(1501));
    });

    [Fact]
    public void Two_engines_of_one_process_are_heard_apart() => SimulationLoop.Run(async loop =>
    {
        await using var one = await TestEngine.StartAsync(loop, telemetry: true);
        await using var other = await TestEngine.StartAsync(loop, telemetry: true);
        using var heard = new Listening(one.Engine.Telemetry);
        await other.Transactions.DepositAsync("a", 1);

        Assert.Empty(heard.All);
        Assert.Empty(heard.Spans);
    });

    [Fact]
    public void Nothing_is_allocated_where_nobody_listens()
    {
        using var telemetry = new EngineTelemetry(null, TimeProvider.System, NullLogger.Instance);
        Measure(telemetry);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            Measure(telemetry);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task The_meter_is_the_one_of_the_applications_factory()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddMetrics();
        services.AddCoordinator().UseInMemoryLog().ConfigureEvents(events => events.Add<Deposited>());
        await using var provider = services.BuildServiceProvider();
        var engine = provider.GetRequiredService<TransactionEngine>();
        using var heard = new Listening(engine.Telemetry);
        var hosted = Assert.Single(provider.GetServices<IHostedService>());
        await hosted.StartAsync(CancellationToken.None);
        await engine.DepositAsync("a", 1);
        await hosted.StopAsync(CancellationToken.None);

        Assert.Same(provider.GetRequiredService<IMeterFactory>(), engine.Telemetry.Meter.Scope);
        Assert.Single(heard.Of(TelemetryNames.TransactionCount));
    }

    private static int ClockReadsOfAWait(bool isHeard)
    {
        var reads = 0;
        SimulationLoop.Run(async loop =>
        {
            var time = new CountingTime(loop.Time);
            using var telemetry = new EngineTelemetry(null, time, NullLogger.Instance);
            using var listener = new MeterListener();
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (isHeard && ReferenceEquals(instrument.Meter, telemetry.Meter) && instrument.Name == TelemetryNames.LockWait.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            listener.Start();
            var events = TestEngine.EventTypes();
            var seams = new EngineSeams(new InMemoryLogStore(loop.Time), time, new SeededRandom(1), loop, null, "here", UnknownProcesses.Instance, null, telemetry);
            await using var engine = new TransactionEngine(seams, new CoordinatorOptions { TakeOverAtStart = true }, events, new Aggregates.AggregateTypes(events), NullLogger.Instance);
            await engine.StartAsync(CancellationToken.None);
            await using var holder = engine.Begin();
            await holder.DepositAsync("a", 1);
            await using var waiter = engine.Begin();
            var before = time.Reads;
            var waiting = waiter.DepositAsync("a", 1);
            await loop.IdleAsync();
            await holder.CommitAsync();
            await waiting;
            reads = time.Reads - before;
        });
        return reads;
    }

    private static void Measure(EngineTelemetry telemetry)
    {
        var metrics = telemetry.Metrics;
        metrics.Told(OutcomeKind.Committed, null, TimeSpan.Zero);
        metrics.Told(OutcomeKind.Aborted, AbortReason.Wounded, TimeSpan.Zero);
        metrics.PhaseLeft(CommitPhase.Active, TimeSpan.Zero);
        metrics.Waited(LockMode.Shared, LockWaitEnd.Granted, TimeSpan.Zero);
        metrics.Answered(GroupAnswerKind.Landed, TimeSpan.Zero);
        metrics.Landed(1, 2);
        metrics.Wounded();
        Assert.False(telemetry.Traces.IsWanted);
        Assert.Null(telemetry.Traces.Begin(1, isKeyed: false));
    }

    /// <summary>Counts who looks at the monotonic clock.</summary>
    private sealed class CountingTime(TimeProvider inner) : TimeProvider
    {
        public int Reads { get; private set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override long GetTimestamp()
        {
            Reads++;
            return inner.GetTimestamp();
        }

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => inner.CreateTimer(callback, state, dueTime, period);
    }
}
