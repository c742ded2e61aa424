namespace Coordinator.Protocol.Tests.Model;

/// <summary>The searches of the model check. Each is exhaustive within the bounds that it names.</summary>
internal static class Configurations
{
    private static readonly Role A = new(Part.Write, 0);
    private static readonly Role B = new(Part.Write, 1);
    private static readonly Role ReadsA = new(Part.Read, 0);
    private static readonly Role ReadsB = new(Part.Read, 1);
    private static readonly Role Database = new(Part.External, 0);
    private static readonly Role Service = new(Part.External, 1);
    private static readonly Role Resource = new(Part.Resource, 0);

    public static Configuration LogNative { get; } = new("log-native", new Plan(0, A, B))
    {
        Steals = 1, OwnerCrashes = 1, UnclearAnswers = 1, MemoryLosses = 1,
    };

    public static Configuration External { get; } = new("external", new Plan(0, A, Database))
    {
        Steals = 1, UnclearAnswers = 1,
    };

    public static Configuration TwoExternals { get; } = new("two externals", new Plan(0, Database, Service))
    {
        OwnerCrashes = 1, MemoryLosses = 1, DropsFromMemory = true, ClientAborts = true,
    };

    public static Configuration LastResource { get; } = new("last resource", new Plan(0, A, Resource))
    {
        Steals = 1, OwnerCrashes = 1, UnclearAnswers = 1,
    };

    public static Configuration Held { get; } = new("held", new Plan(0, A, Resource), new Plan(0, A))
    {
        Owners = 1, UnclearAnswers = 1, OwnerCrashes = 1, Deadlines = false,
    };

    public static Configuration Group { get; } = new("group", new Plan(0, ReadsA, B), new Plan(0, ReadsB, A))
    {
        Steals = 1, UnclearAnswers = 1, Deadlines = false,
    };

    public static Configuration TwoHosts { get; } = new("two hosts", new Plan(0, ReadsA, B), new Plan(1, ReadsB, A))
    {
        Steals = 1, Deadlines = false,
    };

    public static Configuration Claims { get; } = new("claims", new Plan(0, A))
    {
        Owners = 3, StartsOwned = false, UnclearAnswers = 1, StoreCrashes = 1, Deadlines = false,
    };

    public static Configuration Durability { get; } = new("durability", new Plan(0, A))
    {
        Steals = 1, UnclearAnswers = 2, StoreCrashes = 1, OwnerCrashes = 1, Rollbacks = 1,
    };

    /// <summary>A second row, the end record, may vanish while it is being confirmed.</summary>
    public static Configuration Vanishing { get; } = new("vanishing", new Plan(0, Database))
    {
        Steals = 1, UnclearAnswers = 2, StoreCrashes = 1, DropsFromMemory = true,
    };

    public static Configuration Retention { get; } = new("retention", new Plan(0, A))
    {
        Steals = 1, OwnerCrashes = 1, UnclearAnswers = 1, Retention = true, DropsFromMemory = true,
    };

    public static Configuration Restore { get; } = new("restore", new Plan(0, A, Database))
    {
        OwnerCrashes = 1, Restores = 1, UndeclaredRestores = 1,
    };

    public static Configuration Unreadable { get; } = new("unreadable", new Plan(0, A, Database))
    {
        OwnerCrashes = 1, Steals = 1, UnreadableRows = 1,
    };

    public static Configuration WorkLoss { get; } = new("work loss", new Plan(0, A))
    {
        MemoryLosses = 1, SecondCall = true, EnlistmentAnswersLost = true, WorkIsDropped = true, OwnerCrashes = 1, Steals = 1,
        ParticipantsReportedLost = true, DropsFromMemory = true, ClientAborts = true,
    };

    public static Configuration OnePhase { get; } = new("one phase", new Plan(0, Resource))
    {
        Steals = 1, OwnerCrashes = 1, UnclearAnswers = 2,
    };

    /// <summary>The largest first, so that two threads end together.</summary>
    public static Configuration[] All { get; } =
    [
        External, LogNative, Durability, LastResource, Held, Vanishing, Claims, Retention, Group, Unreadable, Restore, TwoExternals, TwoHosts, WorkLoss, OnePhase,
    ];

    /// <summary>Features together, for a long run by hand: minutes, and several gigabytes.</summary>
    public static Configuration[] Wide { get; } =
    [
        new("wide: external", new Plan(0, A, Database)) { Steals = 1, OwnerCrashes = 1, UnclearAnswers = 1, MemoryLosses = 1 },
        new("wide: two externals", new Plan(0, Database, Service)) { Steals = 1, OwnerCrashes = 1, MemoryLosses = 1, DropsFromMemory = true },
        new("wide: external and last resource", new Plan(0, A, Database, Resource)) { Steals = 1, OwnerCrashes = 1, MemoryLosses = 1 },
        new("wide: last resource, store crash", new Plan(0, A, Resource)) { Steals = 1, UnclearAnswers = 1, StoreCrashes = 1 },
        new("wide: retention of an external", new Plan(0, A, Database)) { Steals = 1, UnclearAnswers = 1, Retention = true, DropsFromMemory = true },
        new("wide: retention of a last resource", new Plan(0, A, Resource)) { Steals = 1, OwnerCrashes = 1, Retention = true, DropsFromMemory = true },
        new("wide: restore of a group", new Plan(0, A), new Plan(0, A)) { Restores = 1, UnclearAnswers = 1, OwnerCrashes = 1, Deadlines = false },
        new("wide: three owners", new Plan(0, A)) { Owners = 3, Steals = 2, OwnerCrashes = 1, UnclearAnswers = 2 },
        new("wide: held, store crash", new Plan(0, A, Resource), new Plan(0, A)) { UnclearAnswers = 1, StoreCrashes = 1, Deadlines = false, Owners = 1 },
        new("wide: work loss with two", new Plan(0, A, B))
        {
            MemoryLosses = 2, SecondCall = true, EnlistmentAnswersLost = true, WorkIsDropped = true, OwnerCrashes = 1, ParticipantsReportedLost = true,
        },
        new("wide: group, store crash", new Plan(0, ReadsA, B), new Plan(0, ReadsB, A)) { UnclearAnswers = 2, StoreCrashes = 1, Deadlines = false, Owners = 1, OwnerCrashes = 1 },
    ];

    // Smaller ones, which show a mutant within a second.
    public static Configuration SmallCommit { get; } = new("small commit", new Plan(0, A, B)) { Steals = 1, UnclearAnswers = 1 };

    public static Configuration SmallLoss { get; } = new("small loss", new Plan(0, A)) { MemoryLosses = 1, SecondCall = true, DropsFromMemory = true };

    public static Configuration SmallForgetful { get; } = new("small forgetful", new Plan(0, A, B)) { Owners = 1, MemoryLosses = 1, WorkIsDropped = true };

    public static Configuration SmallGroup { get; } = new("small group", new Plan(0, ReadsA, B), new Plan(0, ReadsB, A)) { Owners = 1, Deadlines = false };

    public static Configuration SmallThree { get; } = new("small three", new Plan(0, A), new Plan(0, A), new Plan(0, B)) { Owners = 1, Deadlines = false };

    public static Configuration SmallPipeline { get; } = new("small pipeline", new Plan(0, A), new Plan(0, B)) { Steals = 1, UnclearAnswers = 1, Deadlines = false };

    public static Configuration SmallExternal { get; } = new("small external", new Plan(0, A, Database)) { Steals = 1, MemoryLosses = 1 };

    public static Configuration SmallResource { get; } = new("small resource", new Plan(0, A, Resource)) { Steals = 1 };

    public static Configuration SmallHeld { get; } = new("small held", new Plan(0, A, Resource), new Plan(0, A)) { Owners = 1, Deadlines = false };

    public static Configuration SmallHeldRead { get; } = new("small held read", new Plan(0, ReadsA, Resource), new Plan(0, A)) { Owners = 1, Deadlines = false };

    public static Configuration SmallDurability { get; } = new("small durability", new Plan(0, A)) { Steals = 1, UnclearAnswers = 2, StoreCrashes = 1 };

    public static Configuration SmallVanishing { get; } = new("small vanishing", new Plan(0, Database)) { UnclearAnswers = 2, StoreCrashes = 1, Deadlines = false };

    public static Configuration SmallClaims { get; } =
        new("small claims", new Plan(0, A)) { StartsOwned = false, UnclearAnswers = 2, StoreCrashes = 1, Deadlines = false };

    public static Configuration SmallRetention { get; } =
        new("small retention", new Plan(0, A)) { Steals = 1, UnclearAnswers = 1, Retention = true, DropsFromMemory = true };

    public static Configuration SmallRestore { get; } = new("small restore", new Plan(0, A, Database)) { Restores = 1 };

    public static Configuration SmallUnreadable { get; } = new("small unreadable", new Plan(0, A, Database)) { OwnerCrashes = 1, UnreadableRows = 1 };

    public static Configuration SmallHosts { get; } = new("small hosts", new Plan(0, ReadsA, B), new Plan(1, ReadsB, A)) { Owners = 1, Deadlines = false };
}
