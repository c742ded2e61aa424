using Coordinator.Protocol.Commit;

namespace Coordinator.Protocol.Tests.Model;

internal enum WireKind : byte
{
    Prepare,
    Decision,
    Answer,
    Vote,
    Acknowledgement,
    Inquiry,
    ResourceCommit,
    ResourceResolve,
    ResourceAnswer,
}

/// <summary>One message of the network. The meaning of <paramref name="X"/> to <paramref name="Z"/> goes with the kind.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Transaction">About which transaction.</param>
/// <param name="Role">Which participant it goes to or comes from.</param>
/// <param name="Incarnation">Of that participant; of a decision, of what a last resource is asked and of the replies: the owner object's claim.</param>
/// <param name="X">Decision or ballot.</param>
/// <param name="Y">Of a vote: the expected version.</param>
/// <param name="Z">Of a vote: events in the redo.</param>
internal readonly record struct Wire(WireKind Kind, int Transaction, int Role, int Incarnation = 0, int X = 0, int Y = 0, int Z = 0)
{
    public Decision Decision => (Decision)X;

    public Ballot Ballot => (Ballot)X;

    public override string ToString() => Kind switch
    {
        WireKind.Vote => $"vote {Ballot} of participant {Role} (incarnation {Incarnation}, {Z} events behind version {Y}) in T{Transaction + 1}",
        WireKind.Decision or WireKind.Answer => $"{Kind} {Decision} of T{Transaction + 1} to participant {Role}",
        WireKind.ResourceAnswer => $"marker {Decision} of T{Transaction + 1}",
        _ => $"{Kind} of T{Transaction + 1}, participant {Role}",
    };
}

/// <summary>Numbers the messages that occur in one configuration: their bits in <see cref="World.Network"/>.</summary>
internal sealed class WireTable(int transactions)
{
    private readonly Dictionary<Wire, int> _numbers = [];
    private readonly List<Wire> _wires = [];
    private readonly UInt128[] _sayCommit = new UInt128[transactions];
    private readonly UInt128[] _sayAbort = new UInt128[transactions];

    public Wire this[int number] => _wires[number];

    public int Count => _wires.Count;

    /// <summary>Messages that say: committed.</summary>
    public UInt128 SayCommit(int transaction) => _sayCommit[transaction];

    /// <summary>Messages that say: aborted.</summary>
    public UInt128 SayAbort(int transaction) => _sayAbort[transaction];

    public int NumberOf(Wire wire)
    {
        if (!_numbers.TryGetValue(wire, out var number))
        {
            if (_wires.Count == 128)
            {
                throw new BoundExceededException("messages");
            }

            number = _wires.Count;
            _numbers.Add(wire, number);
            _wires.Add(wire);
            if (wire.Kind is WireKind.Decision or WireKind.Answer)
            {
                var says = wire.Decision is Decision.Commit ? _sayCommit : _sayAbort;
                says[wire.Transaction] |= UInt128.One << number;
            }
        }

        return number;
    }
}
