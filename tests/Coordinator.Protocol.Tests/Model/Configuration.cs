namespace Coordinator.Protocol.Tests.Model;

/// <summary>How one participant takes part in one transaction of a configuration.</summary>
internal enum Part : byte
{
    /// <summary>Log-native, appends events.</summary>
    Write,

    /// <summary>Log-native, votes a read that the binding batch validates (D-9).</summary>
    Read,

    /// <summary>Prepares durably on its own side.</summary>
    External,

    /// <summary>Can't prepare; its marker decides (D-7).</summary>
    Resource,
}

/// <summary>One participant of a plan; <paramref name="Place"/> is its stream, or its number among the externals.</summary>
internal readonly record struct Role(Part Part, int Place);

/// <summary>What the client does in one transaction: a call to each participant in order, then commit.</summary>
internal sealed record Plan(int Shard, params Role[] Roles);

/// <summary>The bounds of one exhaustive search. Every number is how often a fault or a liberty may happen on one path.</summary>
internal sealed record Configuration(string Name, params Plan[] Plans)
{
    /// <summary>Live owner objects at one time.</summary>
    public int Owners { get; init; } = 2;

    /// <summary>False: nobody owns the shard at first, so that first claims race.</summary>
    public bool StartsOwned { get; init; } = true;

    /// <summary>Claims against a living owner.</summary>
    public int Steals { get; init; }

    public int OwnerCrashes { get; init; }

    /// <summary>Participants that lose their memory; an external keeps what it has prepared.</summary>
    public int MemoryLosses { get; init; }

    /// <summary>Answers of the store other than the clean one: landed but error, lost, landing late.</summary>
    public int UnclearAnswers { get; init; }

    /// <summary>Refusals that roll back without a conflict.</summary>
    public int Rollbacks { get; init; }

    /// <summary>Crashes of the store; with any, a row that landed without a clean answer may vanish.</summary>
    public int StoreCrashes { get; init; }

    /// <summary>Restores of an older copy of the log, with a new generation.</summary>
    public int Restores { get; init; }

    /// <summary>Restores of an empty copy that nobody declares.</summary>
    public int UndeclaredRestores { get; init; }

    /// <summary>Shard rows that can't be read any more.</summary>
    public int UnreadableRows { get; init; }

    /// <summary>A second call to the first participant of each plan; it may fail, or still run at prepare.</summary>
    public bool SecondCall { get; init; }

    /// <summary>The answer to an enlistment may be lost; the client calls again.</summary>
    public bool EnlistmentAnswersLost { get; init; }

    /// <summary>Deadlines may pass.</summary>
    public bool Deadlines { get; init; } = true;

    /// <summary>Owners may hear that a participant's host is dead.</summary>
    public bool ParticipantsReportedLost { get; init; }

    /// <summary>The client may ask to abort instead.</summary>
    public bool ClientAborts { get; init; }

    /// <summary>Log-native participants may drop their work before they have voted.</summary>
    public bool WorkIsDropped { get; init; }

    /// <summary>Owners drop from memory what everyone knows.</summary>
    public bool DropsFromMemory { get; init; }

    /// <summary>Owners move the horizon and remove what lies below it.</summary>
    public bool Retention { get; init; }

    public int ShardCount
    {
        get
        {
            var count = 1;
            foreach (var plan in Plans)
            {
                count = Math.Max(count, plan.Shard + 1);
            }

            return count;
        }
    }

    public int StreamCount
    {
        get
        {
            var count = 0;
            foreach (var plan in Plans)
            {
                foreach (var role in plan.Roles)
                {
                    count = role.Part is Part.Write or Part.Read ? Math.Max(count, role.Place + 1) : count;
                }
            }

            return count;
        }
    }

    public int RolesMax
    {
        get
        {
            var count = 0;
            foreach (var plan in Plans)
            {
                count = Math.Max(count, plan.Roles.Length);
            }

            return count;
        }
    }
}
