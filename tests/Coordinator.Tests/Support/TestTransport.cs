using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests;

/// <summary>What happens to a message: how many copies arrive, and after how long.</summary>
internal readonly record struct Fate(int Copies = 1, TimeSpan Delay = default)
{
    public static Fate Arrives => new(1);

    public static Fate Lost => new(0);

    public static Fate Repeated => new(2);
}

/// <summary>Counts messages and lets a test lose, repeat and delay them.</summary>
internal sealed class TestTransport(SimulationLoop loop) : ITransport
{
    private ITransport? _inner;

    /// <summary>Messages between coordinator and participants, enlistment included; what an initiator asks for is none.</summary>
    public List<object> Sent { get; } = [];

    /// <summary>Chooses what becomes of a message; null: all arrive.</summary>
    public Func<object, Fate>? Fate { get; set; }

    public ITransport Over(ITransport inner)
    {
        _inner = inner;
        return this;
    }

    public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => Send(input, () => _inner!.ToCoordinator(transaction, home, input));

    public void ToParticipant(TransactionId transaction, CommitMessage message) => Send(message, () => _inner!.ToParticipant(transaction, message));

    private void Send(object message, Action deliver)
    {
        if (message is not (CommitInput.CommitRequested or CommitInput.AbortRequested))
        {
            Sent.Add(message);
        }

        var fate = Fate?.Invoke(message) ?? Tests.Fate.Arrives;
        for (var i = 0; i < fate.Copies; i++)
        {
            if (fate.Delay == TimeSpan.Zero && i == 0)
            {
                deliver();
            }
            else
            {
                // The timer fires once and roots itself while armed.
                _ = loop.Time.CreateTimer(_ => deliver(), null, fate.Delay, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
