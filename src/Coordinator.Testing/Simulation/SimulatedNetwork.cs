using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Testing.Simulation;

/// <summary>How often what becomes of messages; shares of all messages.</summary>
internal sealed record MessageFaults
{
    /// <summary>All arrive, at once and in order.</summary>
    public static MessageFaults None { get; } = new();

    /// <summary>Every message takes a turn of its own, in which others may come first; otherwise it arrives inside the call that sends it.</summary>
    public bool TakesTurns { get; init; }

    /// <summary>The longest that any message takes on its way; zero: none takes any time.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>Never arrives.</summary>
    public double Lost { get; init; }

    /// <summary>Arrives twice, the second one later.</summary>
    public double Repeated { get; init; }

    /// <summary>Arrives later, so that others overtake it.</summary>
    public double Delayed { get; init; }

    /// <summary>Arrives when the transaction is over.</summary>
    public double Overdue { get; init; }

    /// <summary>How long a delayed message takes at most.</summary>
    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long an overdue message takes at most.</summary>
    public TimeSpan OverdueMax { get; init; } = TimeSpan.FromSeconds(45);
}

/// <summary>The network between coordinators and participants, in one host or in several: loses, repeats, delays and reorders, and can be cut.</summary>
internal sealed partial class SimulatedNetwork(SimulationLoop loop, SeededRandom random)
{
    private static readonly TimeSpan SlowMax = TimeSpan.FromSeconds(0.4);
    private TimeSpan _cutUntil;
    private Func<TransactionId, object, bool>? _isCut;
    private TimeSpan _slowUntil;
    private Func<TransactionId, object, bool>? _isSlow;

    /// <summary>What goes wrong now.</summary>
    public MessageFaults Faults { get; set; } = MessageFaults.None;

    /// <summary>Told of each message as it is sent.</summary>
    public Action<SimulatedProcess, TransactionId, object>? Sent { get; set; }

    /// <summary>Told of each message as it arrives: whose it was, and where.</summary>
    public Action<SimulatedProcess, SimulatedProcess, TransactionId, object>? Arrived { get; set; }

    /// <summary>Messages under way.</summary>
    public int OnTheWireCount { get; private set; }

    /// <summary>Wraps a process's transport.</summary>
    /// <param name="process">Whose.</param>
    /// <param name="inner">The engine's.</param>
    /// <param name="host">What other hosts call the process; 0 if there are none.</param>
    public ITransport Of(SimulatedProcess process, ITransport inner, ulong host = 0) => new Wire(this, process, inner, host);

    /// <summary>For a while, messages that the function picks do not arrive.</summary>
    public void Cut(TimeSpan time, Func<TransactionId, object, bool> isCut)
    {
        _cutUntil = loop.Time.Now + time;
        _isCut = isCut;
    }

    /// <summary>For a while, messages that the function picks take long.</summary>
    public void SlowDown(TimeSpan time, Func<TransactionId, object, bool> isSlow)
    {
        _slowUntil = loop.Time.Now + time;
        _isSlow = isSlow;
    }

    /// <summary>Nothing goes wrong any more; what is on the wire still arrives.</summary>
    public void Heal()
    {
        Faults = new MessageFaults { TakesTurns = Faults.TakesTurns, Lag = Faults.Lag };
        _cutUntil = _slowUntil = _hostsCutUntil = loop.Time.Now;
    }

    private void Send(SimulatedProcess process, SimulatedProcess to, TransactionId id, object message, Action deliver)
    {
        process.Pass(PointOf(message));
        if (process.IsCrashed)
        {
            return;
        }

        Sent?.Invoke(process, id, message);
        var (fate, first, second) = IsCutBetween(process, to) ? (Situations.HostsCut, null, null) : Draw(id, message);
        if (fate is not null)
        {
            loop.Counters.Reach(fate);
        }

        loop.Trace.Note(process, $"{id} {message.GetType().Name} {fate ?? "sent"}");
        Carry(process, to, first, Arrive);
        Carry(process, to, second, Arrive);

        void Arrive()
        {
            Arrived?.Invoke(process, to, id, message);
            if (message is CommitInput.VoteReceived)
            {
                to.Pass(Points.VoteArrives);
            }

            to.WhenRunning(deliver);
        }
    }

    /// <summary>What becomes of a message: the name of its mishap, and after how long it arrives, once and again; null: it does not.</summary>
    private (string? Fate, TimeSpan? First, TimeSpan? Second) Draw(TransactionId id, object message)
    {
        if (loop.Time.Now < _cutUntil && _isCut!(id, message))
        {
            return (Situations.MessageCut, null, null);
        }

        var at = random.Share();
        return loop.Time.Now < _slowUntil && _isSlow!(id, message) ? (Situations.MessageSlow, random.Between(TimeSpan.Zero, SlowMax), null)
            : Falls(Faults.Lost) ? (Situations.MessageLost, null, null)
            : Falls(Faults.Repeated) ? (Situations.MessageRepeated, TimeSpan.Zero, random.Between(TimeSpan.Zero, Faults.DelayMax))
            : Falls(Faults.Delayed) ? (Situations.MessageDelayed, random.Between(TimeSpan.Zero, Faults.DelayMax), null)
            : Falls(Faults.Overdue) ? (Situations.MessageOverdue, random.Between(Faults.DelayMax, Faults.OverdueMax), null)
            : (null, random.Between(TimeSpan.Zero, Faults.Lag), null);

        bool Falls(double share)
        {
            at -= share;
            return at < 0;
        }
    }

    private void Carry(SimulatedProcess process, SimulatedProcess to, TimeSpan? time, Action arrive)
    {
        if (time is not { } delay)
        {
            return;
        }

        if (process != to)
        {
            CarryOver(process, to, delay, arrive);
        }
        else if (delay == TimeSpan.Zero && !Faults.TakesTurns)
        {
            process.WhenRunning(arrive); // inside the call that sends it
        }
        else if (delay == TimeSpan.Zero)
        {
            process.Post(arrive);
        }
        else
        {
            OnTheWireCount++;
            loop.After(delay, () =>
            {
                OnTheWireCount--;
                process.Post(arrive);
            });
        }
    }

    private static string PointOf(object message) => message switch
    {
        CommitMessage.PrepareRequested => Points.BeforePrepare,
        CommitInput.VoteReceived => Points.BeforeVote,
        CommitMessage.DecisionDelivered { Decision: Decision.Commit } => Points.BeforeCommitDelivery,
        CommitMessage.DecisionDelivered => Points.BeforeAbortDelivery,
        CommitInput.EnlistRequested => Points.BeforeEnlistment,
        _ => string.Empty,
    };

    private sealed class Wire(SimulatedNetwork network, SimulatedProcess process, ITransport inner, ulong host) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
        {
            if (host != 0 && (home != host || input is CommitInput.OutcomeInquired))
            {
                inner.ToCoordinator(transaction, home, input); // to the link; an inquiry perhaps to the log
                return;
            }

            network.Send(process, process, transaction, input, () => inner.ToCoordinator(transaction, home, input));
        }

        public void ToParticipant(TransactionId transaction, CommitMessage message)
        {
            if (host != 0 && MessageRouter.HostOf(message) is > 0 and var other && other != host)
            {
                inner.ToParticipant(transaction, message); // to the link
                return;
            }

            network.Send(process, process, transaction, message, () => inner.ToParticipant(transaction, message));
        }
    }
}
