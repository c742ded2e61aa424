using Coordinator.Log;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Testing.Simulation;

/// <content>Writes and their fates.</content>
internal sealed partial class SimulatedLogView
{
    private static readonly TimeSpan OverlapMax = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LetGoMax = TimeSpan.FromSeconds(2);
    private Action? _giveUp; // the write under way

    /// <inheritdoc/>
    public ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        var isFence = group.Rows is [{ Kind: RowKind.Fenced }];
        Process.Pass(isFence ? Points.BeforeFence : Points.BeforeAppend);
        if (!group.LocksReads && Log.HasManyWriters)
        {
            return WriteAsync(Overlapping(group));
        }

        return WriteAsync(new Write<GroupAnswer>(
            this,
            isFence ? "fence" : "append",
            group.Rows,
            () => SimulatedLog.Completed(Log.Rows.AppendAsync(group)),
            static (kind, error) => new GroupAnswer(kind, error),
            static answer => answer.Kind));
    }

    /// <summary>
    /// A group that does not lock what it only reads: its statement sees these streams as they are when it begins, and its rows come some time later. Others
    /// may write in between; only a row at a key that is taken fails it then.
    /// </summary>
    private Write<GroupAnswer> Overlapping(RowGroup group)
    {
        var written = group.Rows.Select(row => row.Stream).ToHashSet();
        var reads = new RowGroup([], group.Checks.RemoveAll(check => written.Contains(check.Stream)));
        var writes = group with { Checks = group.Checks.RemoveAll(check => !written.Contains(check.Stream)) };
        GroupAnswer? seen = null;
        return new Write<GroupAnswer>(
            this,
            "append",
            group.Rows,
            () => seen is { Kind: not GroupAnswerKind.Landed } failed ? failed : SimulatedLog.Completed(Log.Rows.AppendAsync(writes)),
            static (kind, error) => new GroupAnswer(kind, error),
            static answer => answer.Kind)
        {
            Look = () => seen = SimulatedLog.Completed(Log.Rows.AppendAsync(reads)),
        };
    }

    /// <inheritdoc/>
    public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        Process.Pass(Points.BeforeClaim);
        return WriteAsync(new Write<ClaimAnswer>(
            this,
            "claim",
            [claim.Row],
            () => SimulatedLog.Completed(Log.Rows.ClaimAsync(claim)),
            static (kind, error) => new ClaimAnswer(kind, 0, error),
            static answer => answer.Kind));
    }

    /// <inheritdoc/>
    public void AbandonAppend() => Process.WhenRunning(() => _giveUp?.Invoke());

    private ValueTask<T> WriteAsync<T>(Write<T> write)
        where T : struct
    {
        if (_giveUp is not null)
        {
            Loop.Failures.Add($"{Process.Name} sent a write while another had not been answered (D-1)");
        }

        var fate = Log.Faults.Draw(Log.Random);
        if (fate is WriteFate.Lands && write.Look is null && MayAnswerAtOnce())
        {
            return ValueTask.FromResult(write.CarryOutAtOnce());
        }

        _giveUp = write.GiveUp;
        Loop.Trace.Note(Process, $"{write.What} {write.Rows[0].Stream} from {write.Rows[0].Version}, {write.Rows.Count} rows: {fate}");
        Process.WhenRunning(() => write.Start(fate));
        return new ValueTask<T>(write.Answered.Task);
    }

    /// <summary>One write from the call to its answer, and perhaps beyond it.</summary>
    private sealed class Write<T>(
        SimulatedLogView view,
        string what,
        IReadOnlyList<LogRow> rows,
        Func<T> carryOut,
        Func<GroupAnswerKind, Exception?, T> answerOf,
        Func<T, GroupAnswerKind> kindOf)
        where T : struct
    {
        private readonly SimulationLoop _loop = view.Loop;
        private readonly SimulatedLog _log = view.Log;
        private readonly SimulatedProcess _process = view.Process;
        private bool _arrived;
        private bool _isRolledBack;
        private bool _settled;
        private bool _givenUp;

        public string What { get; } = what;

        public IReadOnlyList<LogRow> Rows { get; } = rows;

        public TaskCompletionSource<T> Answered { get; } = new();

        /// <summary>What it does first, and then nothing for a while; null: it is carried out at one instant.</summary>
        public Action? Look { get; set; }

        public T CarryOutAtOnce()
        {
            var answer = CarryOut(isLate: false);
            _loop.Trace.Note(_process, $"{What} {Rows[0].Stream} from {Rows[0].Version}, {Rows.Count} rows, at once: {kindOf(answer)}");
            return answer;
        }

        public void Start(WriteFate fate)
        {
            _process.Pass(What is "claim" ? Points.ClaimSent : Points.AppendSent);
            switch (fate)
            {
                case WriteFate.Lands or WriteFate.LandsUnclear:
                    _log.OnTheWireCount++;
                    _loop.After(view.Way(), () => Arrive(fate is WriteFate.LandsUnclear));
                    break;
                case WriteFate.LandsLate:
                    ArriveLater();
                    _loop.After(view.Way(), () => Settle(GroupAnswerKind.Unclear));
                    break;
                case WriteFate.Lost:
                    _loop.Counters.Reach(Situations.Lost);
                    _loop.After(view.Way(), () => Settle(GroupAnswerKind.Unclear));
                    break;
                case WriteFate.Stalls:
                    _loop.Counters.Reach(Situations.Stalled);
                    break;
                default:
                    _isRolledBack = true;
                    _loop.After(view.Way(), () => Settle(KindOf(fate)));
                    break;
            }
        }

        public void GiveUp()
        {
            if (_givenUp || _settled)
            {
                return;
            }

            _givenUp = true;
            _loop.Counters.Reach(Situations.Abandoned);
            _loop.Trace.Note(_process, $"{What} given up");
            if (!_arrived && !_isRolledBack && _log.Random.Chance(0.5))
            {
                ArriveLater(); // the server has it all, and only the connection is closed
            }

            _loop.After(_log.Random.Between(TimeSpan.Zero, LetGoMax), () => Settle(GroupAnswerKind.Unclear));
        }

        private static GroupAnswerKind KindOf(WriteFate fate) => fate switch
        {
            WriteFate.Refused => GroupAnswerKind.Refused,
            WriteFate.TryAgain => GroupAnswerKind.TryAgain,
            _ => GroupAnswerKind.CheckFailed,
        };

        /// <summary>At the server, in time.</summary>
        private void Arrive(bool answersUnclear)
        {
            if (_log.Pause > TimeSpan.Zero)
            {
                _loop.Counters.Reach(Situations.PauseMet);
                _log.AfterPause(() => Arrive(answersUnclear));
                return;
            }

            _log.OnTheWireCount--;
            if (_givenUp || _arrived)
            {
                return; // its connection is closed; whether it arrives all the same was drawn then
            }

            if (_process.IsCrashed)
            {
                ArriveAsOrphan();
            }
            else if (_log.IsDown)
            {
                _loop.Counters.Reach(Situations.DownMetByWrite);
                Settle(GroupAnswerKind.Unclear);
            }
            else if (_log.IsFull)
            {
                _loop.Counters.Reach(Situations.FullMet);
                Settle(GroupAnswerKind.TryAgain);
            }
            else if (Look is { } look)
            {
                Look = null;
                look();
                _log.OnTheWireCount++;
                _loop.After(_log.Random.Between(TimeSpan.Zero, OverlapMax), () => Arrive(answersUnclear));
            }
            else
            {
                var answer = CarryOut(isLate: false);
                _process.Pass(Points.AppendLanded);
                var kind = kindOf(answer);
                if (kind is GroupAnswerKind.Landed && answersUnclear)
                {
                    _loop.Counters.Reach(Situations.LandedUnclear);
                    Settle(GroupAnswerKind.Unclear);
                }
                else
                {
                    Settle(answer);
                }
            }
        }

        private void ArriveAsOrphan()
        {
            if (_log.Random.Chance(0.3))
            {
                _loop.Counters.Reach(Situations.OrphanLost);
            }
            else if (_log.Random.Chance(0.3))
            {
                ArriveLater();
            }
            else if (!_log.IsDown && !_log.IsFull && kindOf(CarryOut(isLate: false)) is GroupAnswerKind.Landed)
            {
                _loop.Counters.Reach(Situations.OrphanLanded);
            }
        }

        private void ArriveLater()
        {
            _arrived = true;
            _log.OnTheWireCount++;
            _loop.After(_log.Random.Between(TimeSpan.Zero, _log.Faults.LateMax), () =>
            {
                _log.OnTheWireCount--;
                if (_log.IsDown || _log.IsFull || _log.Random.Chance(0.1))
                {
                    _loop.Counters.Reach(Situations.LateGone);
                    return;
                }

                var kind = kindOf(CarryOut(isLate: true));
                _loop.Counters.Reach(kind is GroupAnswerKind.Landed ? Situations.LateLanded : Situations.LateRefused);
                _loop.Trace.Note(_process, $"late {What} {Rows[0].Stream} from {Rows[0].Version}: {kind}");
            });
        }

        /// <summary>The server decides by the checks.</summary>
        private T CarryOut(bool isLate)
        {
            _arrived = true;
            var answer = carryOut();
            switch (kindOf(answer))
            {
                case GroupAnswerKind.Landed:
                    _loop.Counters.Reach(Situations.Landed);
                    _log.Landed?.Invoke(_process, answer is ClaimAnswer { Version: var version } ? [_log.RowAt(Rows[0].Stream, version)] : Rows);
                    break;
                case GroupAnswerKind.CheckFailed:
                    _loop.Counters.Reach(What is "claim" ? Situations.ClaimRefused : Situations.CheckFailed);
                    _log.RefusedByChecks?.Invoke(_process, Rows, isLate);
                    break;
            }

            return answer;
        }

        private void Settle(GroupAnswerKind kind)
        {
            var situation = kind switch
            {
                GroupAnswerKind.Refused => Situations.Refused,
                GroupAnswerKind.TryAgain => Situations.TryAgain,
                GroupAnswerKind.CheckFailed => Situations.CheckFailedForNothing,
                _ => What is "claim" ? Situations.ClaimUnclear : null,
            };
            if (situation is not null && !_settled)
            {
                _loop.Counters.Reach(situation);
            }

            Settle(answerOf(kind, kind is GroupAnswerKind.CheckFailed ? null : new SimulatedStoreException($"the server answers {kind}")));
        }

        private void Settle(T answer)
        {
            if (_settled)
            {
                return;
            }

            _settled = true;
            _process.After(view.Way(), () =>
            {
                _loop.Trace.Note(_process, $"{What} {Rows[0].Stream} from {Rows[0].Version} answered {kindOf(answer)}");
                _process.Pass(What is "claim" ? Points.ClaimAnswered : Points.AppendAnswered);
                _process.WhenRunning(() =>
                {
                    view._giveUp = null;
                    Answered.SetResult(answer);
                });
            });
        }
    }
}
