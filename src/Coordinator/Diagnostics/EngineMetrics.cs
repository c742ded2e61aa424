using System.Diagnostics.Metrics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Diagnostics;

/// <summary>
/// The instruments of one engine. While nobody listens a measurement is one look at a field; whoever would have to read a clock for one asks
/// first.
/// </summary>
internal sealed class EngineMetrics
{
    // Commits take from tens of microseconds (memory) over milliseconds to the transaction's deadline.
    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    private static readonly InstrumentAdvice<long> Counts = new()
    {
        HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096],
    };

    private readonly Meter _meter;
    private readonly ListenerGuard _guard;
    private readonly Counter<long> _transactions;
    private readonly Histogram<double> _transactionDuration;
    private readonly Histogram<double> _phaseDuration;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _reruns;
    private readonly Histogram<double> _lockWait;
    private readonly Counter<long> _wounds;
    private readonly Histogram<double> _appendDuration;
    private readonly Histogram<long> _appendBatches;
    private readonly Histogram<long> _appendRows;
    private readonly Counter<long> _terms;
    private readonly Counter<long> _takeOvers;
    private readonly Counter<long> _snapshots;

    public EngineMetrics(Meter meter, ListenerGuard guard)
    {
        _meter = meter;
        _guard = guard;
        _transactions = Counter(TelemetryNames.TransactionCount);
        _transactionDuration = Histogram(TelemetryNames.TransactionDuration, Durations);
        _phaseDuration = Histogram(TelemetryNames.PhaseDuration, Durations);
        _refusals = Counter(TelemetryNames.RefusedCount);
        _reruns = Counter(TelemetryNames.RerunCount);
        _lockWait = Histogram(TelemetryNames.LockWait, Durations);
        _wounds = Counter(TelemetryNames.WoundCount);
        _appendDuration = Histogram(TelemetryNames.AppendDuration, Durations);
        _appendBatches = Histogram(TelemetryNames.AppendBatches, Counts);
        _appendRows = Histogram(TelemetryNames.AppendRows, Counts);
        _terms = Counter(TelemetryNames.TermCount);
        _takeOvers = Counter(TelemetryNames.TakeOverCount);
        _snapshots = Counter(TelemetryNames.SnapshotCount);
    }

    /// <summary>Somebody wants to know how long transactions take.</summary>
    public bool TimesTransactions => _transactionDuration.Enabled;

    /// <summary>Somebody wants to know how long phases take.</summary>
    public bool TimesPhases => _phaseDuration.Enabled;

    /// <summary>Somebody wants to know how long locks are waited for.</summary>
    public bool TimesLockWaits => _lockWait.Enabled;

    /// <summary>Somebody wants to know how long the store takes.</summary>
    public bool TimesAppends => _appendDuration.Enabled;

    /// <summary>Adds what is read when somebody looks.</summary>
    public void Observe(TransactionEngine engine)
    {
        UpDown(TelemetryNames.InFlight, () => engine.InFlightCount);
        UpDown(TelemetryNames.InHand, () => engine.InHandCount);
        UpDown(TelemetryNames.InDoubt, () => engine.Participants.InDoubtCount);
        UpDown(TelemetryNames.Backlog, () => engine.Committer.BacklogBytes);
        UpDown(TelemetryNames.Owned, () => engine.OwnedCount);
        var (age, forgotten) = (TelemetryNames.UnresolvedAge, TelemetryNames.Forgotten);
        _meter.CreateObservableGauge(age.Name, () => engine.OldestUnresolvedAge.TotalSeconds, age.Unit, age.Meaning);
        _meter.CreateObservableCounter(forgotten.Name, () => engine.RowsForgotten, forgotten.Unit, forgotten.Meaning);
    }

    /// <summary>An initiator was told, the first time.</summary>
    public void Told(OutcomeKind outcome, AbortReason? reason, TimeSpan duration)
    {
        if (reason is { } why)
        {
            _guard.Add(_transactions, TelemetryNames.Outcome[(int)outcome], TelemetryNames.Reason[(int)why]);
        }
        else
        {
            _guard.Add(_transactions, TelemetryNames.Outcome[(int)outcome]);
        }

        _guard.Record(_transactionDuration, duration.TotalSeconds, TelemetryNames.Outcome[(int)outcome]);
    }

    /// <summary>A transaction was not begun.</summary>
    public void Refused(BeginRefusal why) => _guard.Add(_refusals, TelemetryNames.Refusal[(int)why]);

    /// <summary>A transaction has left a phase.</summary>
    public void PhaseLeft(CommitPhase phase, TimeSpan duration) =>
        _guard.Record(_phaseDuration, duration.TotalSeconds, TelemetryNames.Phase[(int)phase]);

    /// <summary>Work is run once more; the reason is null where its own pipeline does so though it was not aborted.</summary>
    public void RunAgain(AbortReason? reason)
    {
        if (reason is { } why)
        {
            _guard.Add(_reruns, TelemetryNames.Reason[(int)why]);
        }
        else
        {
            _guard.Add(_reruns);
        }
    }

    public void Waited(LockMode mode, LockWaitEnd end, TimeSpan duration) =>
        _guard.Record(_lockWait, duration.TotalSeconds, TelemetryNames.Mode[(int)mode], TelemetryNames.WaitEnd[(int)end]);

    public void Wounded() => _guard.Add(_wounds);

    public void Answered(GroupAnswerKind answer, TimeSpan duration) =>
        _guard.Record(_appendDuration, duration.TotalSeconds, TelemetryNames.Answer[(int)answer]);

    /// <summary>A group of batches is durable.</summary>
    public void Landed(int batches, int rows)
    {
        _guard.Record(_appendBatches, batches);
        _guard.Record(_appendRows, rows);
    }

    public void TermBegun() => _guard.Add(_terms);

    public void TakenOver() => _guard.Add(_takeOvers);

    public void SnapshotDue(SnapshotResult result) => _guard.Add(_snapshots, TelemetryNames.Result[(int)result]);

    private Counter<long> Counter(InstrumentName name) => _meter.CreateCounter<long>(name.Name, name.Unit, name.Meaning);

    private Histogram<T> Histogram<T>(InstrumentName name, InstrumentAdvice<T> advice)
        where T : struct => _meter.CreateHistogram(name.Name, name.Unit, name.Meaning, tags: null, advice);

    private void UpDown(InstrumentName name, Func<long> read) => _meter.CreateObservableUpDownCounter(name.Name, read, name.Unit, name.Meaning);
}
