using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>What happens in one step of the world; with up to three small numbers it names a step exactly.</summary>
internal enum Act : byte
{
    Start,
    Begin,
    Call,
    CallAnswerLost,
    SecondCallStarts,
    SecondCallEnds,
    SecondCallFails,
    AskCommit,
    AskAbort,
    GiveUp,
    AskById,
    Claim,
    HearClaim,
    ReadEnd,
    SendGroup,
    HearGroup,
    Deadline,
    DeliveryDue,
    ReportLost,
    Drop,
    MoveHorizon,
    RemovePrefix,
    Land,
    LandVolatile,
    CheckReads,
    RollBack,
    AnswerUnclear,
    LoseReply,
    StoreCrash,
    OwnerCrash,
    MemoryLoss,
    Restore,
    UndeclaredRestore,
    Unreadable,
    CleanFence,
    Deliver,
    InquiryDue,
    ReadStream,
    AbortAlone,
    DropWork,
    LateRequest,
}

/// <summary>One step, packed: <see cref="Act"/> and its numbers.</summary>
internal readonly record struct StepCode(int Packed)
{
    public StepCode(Act act, int a = 0, int b = 0, int c = 0)
        : this(((int)act << 24) | (a << 16) | (b << 8) | c)
    {
    }

    public Act Act => (Act)(Packed >> 24);

    public int A => (Packed >> 16) & 0xFF;

    public int B => (Packed >> 8) & 0xFF;

    public int C => Packed & 0xFF;
}

/// <summary>Receives each successor of the state that is being expanded.</summary>
internal interface ISuccessors
{
    void Add(World world, StepCode step, string? failure);
}

/// <summary>
/// All steps that can be taken in a state: the environment (client, store, network, faults) and the shells, which only carry
/// out what the machines yield. docs/protocol.md#shell lists the obligations of a shell; they are the code here.
/// </summary>
internal sealed partial class Steps
{
    private readonly Configuration _configuration;
    private readonly Machines _machines;
    private readonly Rules _rules;
    private readonly Lapse _lapse;
    private readonly ISuccessors _successors;
    private readonly World _from;
    private readonly World _world;
    private readonly StreamEnd[] _ends;
    private readonly Func<StreamName, StreamEnd> _endOf;
    private string? _failure;

    public Steps(Configuration configuration, Machines machines, ISuccessors successors)
    {
        _configuration = configuration;
        _machines = machines;
        _rules = machines.Rules;
        _lapse = machines.Rules.Lapse;
        _successors = successors;
        _from = new World(configuration);
        _world = new World(configuration);
        _ends = new StreamEnd[configuration.StreamCount];
        _endOf = name => _ends[_machines.StreamOf(name)];
    }

    private bool Lapses(Lapse lapse) => (_lapse & lapse) != Lapse.None;

    public World Initial()
    {
        var world = new World(_configuration);
        world[Fault.Generation] = 1;
        world[Fault.Steal] = (byte)_configuration.Steals;
        world[Fault.OwnerCrash] = (byte)_configuration.OwnerCrashes;
        world[Fault.MemoryLoss] = (byte)_configuration.MemoryLosses;
        world[Fault.Unclear] = (byte)_configuration.UnclearAnswers;
        world[Fault.Rollback] = (byte)_configuration.Rollbacks;
        world[Fault.StoreCrash] = (byte)_configuration.StoreCrashes;
        world[Fault.Restore] = (byte)_configuration.Restores;
        world[Fault.UndeclaredRestore] = (byte)_configuration.UndeclaredRestores;
        world[Fault.Unreadable] = (byte)_configuration.UnreadableRows;
        if (_configuration.StartsOwned)
        {
            for (var shard = 0; shard < _configuration.ShardCount; shard++)
            {
                var claim = ++world[Fault.Claims];
                world.PutRow(shard, 1, RowKind.Owned, 1, claim, 0, 0, isVolatile: false);
                var owner = world.AddOwner(claim, shard);
                world.SetOwnership(owner, _machines.Own(_machines.Claim(claim, 0), OwnershipKey.ClaimAcknowledged, 1));
            }
        }

        return world;
    }

    public void Expand(ReadOnlySpan<byte> state)
    {
        _from.CopyFrom(state);
        ExpandClient();
        ExpandOwners();
        ExpandStore();
        ExpandNetwork();
        ExpandFaults();
    }

    /// <summary>Opens a step: from here on <see cref="_world"/> is changed.</summary>
    private void Open()
    {
        _world.CopyFrom(_from.Data);
        _failure = null;
    }

    private void Close(StepCode step)
    {
        DropDeadFlights();
        _world.SortFlights();
        _successors.Add(_world, step, _failure);
    }

    private void Fail(string? failure) => _failure ??= failure;

    private OwnershipState OwnershipOf(World world, int owner) => _machines.Ownership(world.Ownership(owner));

    private TransactionId IdOf(World world, int transaction) => Machines.Id(world, transaction, _configuration.Plans[transaction].Shard);

    /// <summary>One transition of a transaction at its owner: append first, then send. Machines send only what is durable.</summary>
    private CommitStep Feed(int owner, int transaction, InputKey input)
    {
        var step = _machines.Commit(_world.Commit(owner, transaction), input);
        Fail(step.Failure);
        _world.SetCommit(owner, transaction, step.State);
        if (step.Append != 0)
        {
            _world.Enqueue(owner, step.Append);
        }

        foreach (var message in step.Messages)
        {
            // Acknowledgements and markers are replies: they go back to the object that asked, and to no other.
            var isAsked = message.Kind is WireKind.Decision or WireKind.ResourceCommit or WireKind.ResourceResolve;
            _world.Send(_machines.Wires.NumberOf(isAsked ? message with { Incarnation = _world.OwnerClaim(owner) } : message));
        }

        _world.Tell(transaction, step.Told);
        return step;
    }

    /// <summary>D-4: another owner was seen. What was in the log's hands is Unknown, what was not can never commit.</summary>
    private void StopOwner(int owner)
    {
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            if (_world.Commit(owner, transaction) != 0)
            {
                Feed(owner, transaction, new InputKey(InputKind.OwnershipLost));
            }
        }

        RemoveOwner(owner);
    }

    /// <summary>The owner object stops and all it knew is gone; what it has sent to the store may still land.</summary>
    private void RemoveOwner(int owner)
    {
        var claim = _world.OwnerClaim(owner);
        for (var i = 0; i < _world.FlightCount; i++)
        {
            var flight = _world.FlightAt(i);
            if (flight.Claim == claim && flight.Awaited)
            {
                flight.Awaited = false;
                _world.SetFlight(i, flight);
            }
        }

        _world.RemoveOwner(owner);
    }

    private static int LastOwned(World world, int shard)
    {
        for (var version = world.RowCount(shard); version >= world.FirstVersion(shard); version--)
        {
            if (world.KindOf(shard, version) == RowKind.Owned)
            {
                return version;
            }
        }

        return 0;
    }
}
