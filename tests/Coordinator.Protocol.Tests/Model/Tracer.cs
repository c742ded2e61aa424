using System.Text;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Prints the shortest way to a state, one step a line, with what the step leaves behind.</summary>
internal sealed class Tracer(Configuration configuration, Machines machines, StateTable table, List<int> parents, List<int> codes) : ISuccessors
{
    public const string NotFound = "(the step was not found again)";

    private readonly World _reached = new(configuration);
    private int _wantedCode;
    private UInt128? _wantedHash;
    private bool _found;
    private string? _failure;

    public void Add(World world, StepCode step, string? failure)
    {
        if (!_found && step.Packed == _wantedCode && (_wantedHash is { } hash ? StateTable.HashOf(world.Data) == hash : failure is not null))
        {
            _found = true;
            _failure = failure;
            _reached.CopyFrom(world.Data);
        }
    }

    public string Print(int state)
    {
        var path = new List<int>();
        for (var at = state; at > 0; at = parents[at])
        {
            path.Insert(0, at);
        }

        var steps = new Steps(configuration, machines, this);
        _reached.CopyFrom(steps.Initial().Data);
        var text = new StringBuilder();
        foreach (var at in path)
        {
            _wantedCode = codes[at];
            _wantedHash = at < table.Count ? table[at] : null;
            _found = false;
            steps.Expand(_reached.Data.ToArray());
            text.Append($"{path.IndexOf(at) + 1,3}. {Describe(new StepCode(_wantedCode)),-58} {(_found ? Summary(_reached) : NotFound)}");
            text.AppendLine(_failure is null ? string.Empty : $"  !! {_failure}");
        }

        return text.ToString();
    }

    private string Describe(StepCode step)
    {
        var named = $"T{step.A + 1}";
        return step.Act switch
        {
            Act.Begin => $"owner {step.B} begins {named}",
            Act.Call => $"{named} calls participant {step.B}",
            Act.CallAnswerLost => $"{named} enlists participant {step.B}, the answer is lost",
            Act.SecondCallStarts or Act.SecondCallEnds or Act.SecondCallFails or Act.AskCommit or Act.AskAbort or Act.GiveUp or Act.LateRequest => $"{step.Act} of {named}",
            Act.AskById => $"the client asks owner {step.B} about {named}",
            Act.Claim => $"object {step.A} claims shard {step.B}",
            Act.HearClaim or Act.HearGroup => $"owner {step.A} hears {ReplyName(step.B)}{(step.C != 0 ? " and refuses" : string.Empty)}",
            Act.ReadEnd or Act.SendGroup or Act.MoveHorizon or Act.OwnerCrash or Act.LoseReply => $"{step.Act} at owner {step.A}",
            Act.Deadline or Act.DeliveryDue or Act.Drop => $"{step.Act} of {named} at owner {step.B}",
            Act.Land or Act.LandVolatile or Act.AnswerUnclear => $"{step.Act}: {FlightName(step.B)} of {step.A} at version {step.C}",
            Act.RollBack => $"the group of {step.A} at version {step.B} is rolled back",
            Act.Deliver => $"{machines.Wires[step.A]}{(step.B != 0 ? $" reaches owner {step.B}" : " arrives")}{(step.C != 0 ? ", the answer is lost" : string.Empty)}",
            Act.MemoryLoss or Act.InquiryDue or Act.ReadStream or Act.AbortAlone or Act.DropWork or Act.ReportLost => $"{step.Act} at participant {step.B} of {named}",
            _ => $"{step.Act} {step.A}",
        };
    }

    private string Summary(World world)
    {
        var text = new StringBuilder("log");
        for (var shard = 0; shard < configuration.ShardCount; shard++)
        {
            text.Append(shard == 0 ? " " : " / ");
            for (var version = world.FirstVersion(shard); version <= world.RowCount(shard); version++)
            {
                var row = world.KindOf(shard, version) switch
                {
                    RowKind.Owned => $"Owned({world.ClaimOf(shard, version)})",
                    RowKind.Event => machines.Event(world.EventOf(shard, version)).ToString(),
                    RowKind.Empty => "Empty",
                    _ => "HOLE",
                };
                text.Append($"{version}:{row}{(world.IsVolatile(shard, version) ? "~ " : " ")}");
            }
        }

        for (var stream = 0; stream < configuration.StreamCount; stream++)
        {
            text.Append($"| stream {stream}:");
            for (var version = 1; version <= world.StreamLength(stream); version++)
            {
                var row = world.StreamRowAt(stream, version);
                text.Append($" {(row & 3) switch { StreamRow.Held => "held ", StreamRow.Released => "released ", _ => string.Empty }}T{((row >> 2) & 7) + 1}");
            }
        }

        Transactions(world, text);
        return text.ToString();
    }

    private void Transactions(World world, StringBuilder text)
    {
        for (var owner = 0; owner < world.OwnerCount; owner++)
        {
            var group = world.GroupOf(owner, 0);
            text.Append($"| owner {world.OwnerClaim(owner)} {machines.Ownership(world.Ownership(owner)).Phase}{(group == 0 ? string.Empty : " " + machines.Group(group).Phase)}");
            for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
            {
                var state = world.Commit(owner, transaction);
                text.Append(state == 0 ? string.Empty : $" T{transaction + 1} {machines.Commit(state).Phase}");
            }
        }

        for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
        {
            text.Append($"| T{transaction + 1} told {world.Told(transaction)} history {world.History(transaction)}");
            for (var role = 0; role < configuration.Plans[transaction].Roles.Length; role++)
            {
                var slot = world.Slot(transaction, role);
                text.Append(configuration.Plans[transaction].Roles[role].Part is Part.External or Part.Resource
                    ? $" x{slot[0]}.{slot[1]}"
                    : $" {(slot[0] == 0 ? "-" : machines.Participation(slot[0]).Phase)}");
            }
        }
    }

    private static string ReplyName(int reply) => reply switch
    {
        Reply.Acknowledged => "acknowledged",
        Reply.RolledBack => "refused",
        Reply.Unclear => "unclear",
        _ => "row in the way",
    };

    private static string FlightName(int kind) => kind switch
    {
        FlightKind.Group => "group",
        FlightKind.Empty => "empty row",
        _ => "claim",
    };
}
