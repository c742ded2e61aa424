using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Simulation;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Simulation;

/// <summary>What happens to a process at a point of its code.</summary>
/// <param name="Point">One of <see cref="Points.All"/>.</param>
/// <param name="Passes">At which pass of the point, counted over all processes.</param>
/// <param name="StallsFor">Stops it for so long; null: kills it.</param>
internal sealed record Mishap(string Point, int Passes, TimeSpan? StallsFor);

/// <summary>All that is drawn from a seed before a simulation begins: how large it is and what goes wrong.</summary>
internal sealed record FaultPlan
{
    private const ulong FrozenSeed = 0xF205_E402;
    private const ulong MuteSeed = 0x3117_EBEA;
    private const ulong ClusterSeed = 0xC105_03AD; // such that the regression seeds stay what they were
    private static readonly string[] Profiles = ["calm", "store", "network", "crashes", "zombies", "outages", "points", "points", "damage", "failover", "brutal"];

    public required string Profile { get; init; }

    public required int Hosts { get; init; }

    /// <summary>How many shards the hosts share, and all of them take work; 1: one of them owns the log, the others stand by.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>How many streams have no place in a cluster: whoever works on them does it where he is, or anywhere.</summary>
    public double Placeless { get; init; }

    /// <summary>How often a stream changes its place when it is worked on.</summary>
    public double Moves { get; init; }

    public required int Transactions { get; init; }

    public required int Accounts { get; init; }

    /// <summary>Workers of one host.</summary>
    public required int Workers { get; init; }

    /// <summary>The longest pause between two transactions of a worker.</summary>
    public required TimeSpan Pace { get; init; }

    /// <summary>Clients that send the same requests again and again, each under its key; and what they draw from.</summary>
    public int Resenders { get; init; }

    /// <inheritdoc cref="Resenders"/>
    public ulong ResendersSeed { get; init; }

    /// <summary>Workers of one host that only read, and begin again as soon as they may.</summary>
    public int Readers { get; init; }

    /// <summary>How many of the transactions lock nothing before they commit.</summary>
    public double Optimistic { get; init; }

    /// <summary>Everything in the order in which it becomes ready, or in one drawn from the seed.</summary>
    public required bool InOrder { get; init; }

    public required CoordinatorOptions Options { get; init; }

    public required (TimeSpan Min, TimeSpan Max) Latency { get; init; }

    public StoreFaults Store { get; init; } = StoreFaults.None;

    public MessageFaults Messages { get; init; } = MessageFaults.None;

    /// <summary>About how often a host is killed; null: never. So with all that follow.</summary>
    public TimeSpan? Crash { get; init; }

    public TimeSpan? Stall { get; init; }

    /// <summary>The owner, until another has taken the log and told somebody of commits.</summary>
    public TimeSpan? Freeze { get; init; }

    public TimeSpan? Stop { get; init; }

    public TimeSpan? Outage { get; init; }

    public TimeSpan? ClockJump { get; init; }

    public TimeSpan? Cut { get; init; }

    /// <summary>The way between hosts, one way or both ways, of two of them or of one and all others.</summary>
    public TimeSpan? HostCut { get; init; }

    /// <summary>The heartbeats of one host and nothing else, for long: it goes on to take part, and may die meanwhile.</summary>
    public TimeSpan? Mute { get; init; }

    /// <summary>About how often a decision in the log becomes unreadable.</summary>
    public TimeSpan? Damage { get; init; }

    /// <summary>Processes see at once which others on their machine have ended; otherwise only heartbeats tell.</summary>
    public bool KnowsProcesses { get; init; }

    /// <summary>All hosts start at one moment, before there is a log.</summary>
    public bool StartsTogether { get; init; }

    /// <summary>After how many events an account has a snapshot; 0: never.</summary>
    public int SnapshotEvery { get; init; }

    /// <summary>Accounts are also read outside transactions.</summary>
    public bool ReadsOutside { get; init; }

    /// <summary>What happens at named points.</summary>
    public IReadOnlyList<Mishap> Mishaps { get; init; } = [];

    /// <summary>The hosts share the shards of the log.</summary>
    public bool IsCluster => Shards > 1;

    /// <summary>True where nothing goes wrong but that processes die.</summary>
    public bool IsFailover => Profile == "failover";

    /// <summary>True where nothing goes wrong that could keep a transaction from its end.</summary>
    public bool IsCalm => Profile == "calm";

    /// <summary>
    /// The longest that a decision may still take: the transaction's time, or that of a write which stalls, and five seconds (V1).
    /// </summary>
    public TimeSpan DecisionBound => TimeSpan.FromSeconds(
        5 + Math.Max(Options.TransactionTimeout.TotalSeconds, Options.AppendStallTimeout.TotalSeconds + 5));

    /// <summary>The longest that anything may still take once nothing goes wrong any more: two transaction times, a take-over and a little.</summary>
    public TimeSpan LivenessBound => (2 * Options.TransactionTimeout) + TimeSpan.FromSeconds(10) + TakeOverMax + (IsCluster ? HandOverMax : TimeSpan.Zero);

    /// <summary>The longest that a host waits before it hands the next shard over, where the ones before came back to it.</summary>
    private static TimeSpan HandOverMax => TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long it may take until a dead owner is replaced: one that was displaced while it lived is given up to 32 times the time,
    /// and a quarter of it for chance.
    /// </summary>
    private static TimeSpan TakeOverMax => StandbyProtocol.SilenceMin * 40;

    public static FaultPlan Draw(SeededRandom random)
    {
        var profile = Profiles[random.Below(Profiles.Length)];
        var plan = new FaultPlan
        {
            Profile = profile,
            Hosts = random.Between(2, 5),
            Transactions = random.Chance(0.1) ? random.Between(150, 301) : random.Between(50, 150),
            Accounts = random.Of(2, 4, 8, 8, 16, 40),
            Workers = random.Between(2, 7),
            Pace = TimeSpan.FromMilliseconds(random.Of(1, 20, 100, 400)),
            InOrder = random.Chance(0.15),
            KnowsProcesses = random.Chance(0.3),
            StartsTogether = random.Chance(0.3),
            Options = DrawOptions(random),
            Latency = random.Of(0, 1, 1, 5) switch
            {
                0 => (TimeSpan.Zero, TimeSpan.Zero),
                var most => (TimeSpan.FromMilliseconds(0.1), TimeSpan.FromMilliseconds(most)),
            },
        };
        plan = plan with { Messages = new MessageFaults { TakesTurns = random.Chance(0.3), Lag = DrawLag(random) } };
        return profile switch
        {
            "calm" => plan with { Stop = Sometimes(random, 4) },
            "store" => plan with { Store = DrawStore(random, 0.3), Crash = Sometimes(random, 6) },
            "network" => plan with { Messages = DrawMessages(random, 0.4), Cut = Sometimes(random, 2) },
            "crashes" => plan with { Crash = Every(random, 2), Stop = Sometimes(random, 4), Store = DrawStore(random, 0.05) },
            "zombies" => plan with { Stall = Every(random, 2), Crash = Sometimes(random, 5), ClockJump = Every(random, 3), Store = DrawStore(random, 0.05) },
            "outages" => plan with { Outage = Every(random, 2), Crash = Sometimes(random, 6), Store = DrawStore(random, 0.05) },
            "failover" => plan with { Crash = Every(random, 6), Hosts = Math.Max(plan.Hosts, 3), Pace = TimeSpan.FromSeconds(2), Options = Patient(plan.Options) },
            "damage" => plan with { Damage = Every(random, 2), Crash = Every(random, 4), Store = DrawStore(random, 0.05) },
            "points" => plan with { Mishaps = DrawMishaps(random, 10), Store = DrawStore(random, 0.3), Messages = DrawMessages(random, 0.05) },
            _ => plan with
            {
                Store = DrawStore(random, 0.4),
                Messages = DrawMessages(random, 0.2),
                Crash = Every(random, 2),
                Stall = Every(random, 3),
                Stop = Sometimes(random, 5),
                Outage = Every(random, 4),
                ClockJump = Every(random, 4),
                Cut = Every(random, 4),
                Mishaps = DrawMishaps(random, 6),
            },
        };
    }

    /// <summary>True for the seeds, one in sixteen, that freeze owners under readers: drawn apart from all else.</summary>
    public static bool IsFrozen(ulong seed) => !PointSweep.Has(seed) && new SeededRandom(seed ^ FrozenSeed).Chance(1.0 / 16);

    /// <summary>
    /// Owners that wake up behind a successor's commits, with all in memory that their readers want, and only the log to tell them. Nothing else goes
    /// wrong, and few write: a write would tell them as well.
    /// </summary>
    private FaultPlan Frozen(ulong seed)
    {
        var random = new SeededRandom(~seed ^ FrozenSeed);
        return this with
        {
            Profile = "frozen",
            Freeze = Every(random, 1.5),
            Readers = random.Between(2, 5),
            Workers = random.Between(1, 3),
            Pace = TimeSpan.FromMilliseconds(random.Of(50, 200)),
            Transactions = random.Between(50, 150),
            Accounts = random.Of(2, 4, 8),
            Crash = null,
            Stall = null,
            Stop = null,
            Outage = null,
            ClockJump = null,
            Cut = null,
            Damage = null,
            Mishaps = [],
            Store = StoreFaults.None,
            Messages = new MessageFaults { TakesTurns = Messages.TakesTurns, Lag = Messages.Lag },
        };
    }

    /// <summary>True for the seeds, nearly one in two, whose hosts are a cluster: drawn apart from all else.</summary>
    public static bool IsClustered(ulong seed) => !PointSweep.Has(seed) && !IsFrozen(seed) && new SeededRandom(seed ^ ClusterSeed).Chance(0.45);

    /// <summary>The same, with the hosts as a cluster.</summary>
    private FaultPlan Clustered(ulong seed)
    {
        var random = new SeededRandom(~seed ^ ClusterSeed);
        Options.TakeOverAtStart = false; // what others own they hand over
        return this with
        {
            Shards = random.Of(2, 4, 16),
            Placeless = random.Of(0, 0.2, 0.5),
            Moves = random.Of(0, 0.01, 0.05),
            HostCut = Profile is "network" or "brutal" ? Every(random, 3) : null,
            Mute = Profile is "network" or "crashes" or "points" or "brutal" ? Sometimes(new SeededRandom(seed ^ MuteSeed), 4) : null,
        };
    }

    /// <summary>
    /// With snapshots, reads outside transactions, optimistic transactions and forgetting, or without: drawn apart from all else, so that a seed of before
    /// them is still the same plan in every other point.
    /// </summary>
    public FaultPlan WithLater(ulong seed) => (IsFrozen(seed) ? Frozen(seed) : IsClustered(seed) ? Clustered(seed) : this).WithLaterParts(seed);

    private FaultPlan WithLaterParts(ulong seed)
    {
        var random = new SeededRandom(seed ^ 0x5AA9_5407);
        var every = random.Of(0, 0, 1, 3, 10);
        var forgets = new SeededRandom(seed ^ 0x0F02_6E75);
        Options.CheckpointRowsMin = forgets.Of(1000, 4, 15);
        Options.DecisionRetention = Forgets(forgets) ? TimeSpan.FromSeconds(forgets.Of(20, 40)) : Options.DecisionRetention;
        return this with
        {
            Optimistic = new SeededRandom(seed ^ 0x0971_3157).Of(0, 0.3, 1),
            Resenders = new SeededRandom(seed ^ 0x4E5D_0B5E).Of(0, 0, 1, 3),
            ResendersSeed = seed ^ 0x2E5E_4D00,
            ReadsOutside = random.Chance(0.5),
            SnapshotEvery = every,
            Store = every == 0 ? Store : Store with
            {
                SnapshotLost = random.Of(0, 0.3), SnapshotOld = random.Of(0, 0.3), SnapshotTorn = random.Of(0, 0.3),
            },
        };
    }

    /// <summary>
    /// Forgetting presumes that whoever is in doubt asks again within the retention, and that clocks are right to within that: days. Here it is seconds, so only where
    /// neither is long away.
    /// </summary>
    private bool Forgets(SeededRandom random) => random.Chance(0.5) && ClockJump is null && Cut is null && HostCut is null && Stall is null && Freeze is null && Damage is null && Options.TransactionTimeout < TimeSpan.FromSeconds(10);

    public override string ToString() =>
        $"{Profile}, {Hosts} hosts, {(IsCluster ? $"{Shards} shards, " : string.Empty)}{Transactions} transactions, {Accounts} accounts, {Workers} workers each, pace {Pace.TotalMilliseconds} ms, "
        + $"timeout {Options.TransactionTimeout.TotalSeconds} s{(Optimistic > 0 ? $", {Optimistic:P0} optimistic" : string.Empty)}{(Readers > 0 ? $", {Readers} only read" : string.Empty)}{(Resenders > 0 ? $", {Resenders} send again" : string.Empty)}"
        + $"{(Options.DecisionRetention < TimeSpan.FromHours(1) ? $", forgets after {Options.DecisionRetention.TotalSeconds} s" : string.Empty)}{(SnapshotEvery > 0 ? $", snapshots every {SnapshotEvery}" : string.Empty)}{(InOrder ? ", in order" : string.Empty)}";

    private static CoordinatorOptions DrawOptions(SeededRandom random)
    {
        var timeout = TimeSpan.FromSeconds(random.Of(2, 5, 10, 30));
        return new CoordinatorOptions
        {
            TransactionTimeout = timeout,
            VoteTimeout = TimeSpan.FromSeconds(random.Of(0.5, 2)),
            LockTimeout = TimeSpan.FromSeconds(Math.Min(timeout.TotalSeconds, random.Of(0.5, 2, 5))),
            AppendStallTimeout = TimeSpan.FromSeconds(random.Of(1, 3, 10)),
            WaitForOwnership = random.Chance(0.3),
            TakeOverAtStart = random.Chance(0.15),
            BacklogBytesMax = random.Of(1500, 64 * 1024 * 1024, 64 * 1024 * 1024),
            StopTimeout = TimeSpan.FromSeconds(random.Of(1, 10)),
            ParticipantsMax = random.Of(5, 64),
            RedoBytesMax = 4096,
            GroupBytesMax = random.Of(4096, 256 * 1024),
            InFlightMax = random.Of(3, 10_000),
            ActivationsMax = random.Of(0, 100_000), // none: whoever comes back reads its stream again
        };
    }

    /// <summary>Nobody takes the log from a living owner.</summary>
    private static CoordinatorOptions Patient(CoordinatorOptions options)
    {
        options.TakeOverAtStart = false;
        return options;
    }

    private static StoreFaults DrawStore(SeededRandom random, double most)
    {
        var each = most * random.Share() / 4;
        return new StoreFaults
        {
            LandsUnclear = each,
            Lost = each,
            LandsLate = each,
            Refused = each / 8,
            TryAgain = each,
            CheckFails = each / 2,
            Stalls = each / 4,
            ReadFails = random.Of(0, each / 4),
            Slow = random.Of(0, each / 2),
            LateMax = TimeSpan.FromSeconds(random.Of(1, 5, 20)),
            SlowMax = TimeSpan.FromSeconds(random.Of(0.1, 3)),
        };
    }

    private static MessageFaults DrawMessages(SeededRandom random, double most)
    {
        var each = most * random.Share() / 4;
        return new MessageFaults { TakesTurns = random.Chance(0.3), Lag = DrawLag(random), Lost = each, Repeated = each, Delayed = each * 2, Overdue = each / 4 };
    }

    private static TimeSpan DrawLag(SeededRandom random) => TimeSpan.FromMilliseconds(random.Of(0, 0, 0, random.Between(1, 40)));

    private static List<Mishap> DrawMishaps(SeededRandom random, int most)
    {
        var mishaps = new List<Mishap>();
        for (var count = random.Between(1, most + 1); count > 0; count--)
        {
            var point = Points.All[random.Below(Points.All.Count)];
            var isRare = point is Points.BeforeFence or Points.BeforeClaim or Points.ClaimSent or Points.ClaimAnswered or Points.Recovering;
            mishaps.Add(new Mishap(
                point,
                isRare ? random.Between(1, 5) : random.Of(random.Between(1, 4), random.Between(1, 12), random.Between(1, 60)),
                random.Chance(0.4) ? random.Between(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(20)) : null));
        }

        return mishaps;
    }

    private static TimeSpan? Sometimes(SeededRandom random, double seconds) => random.Chance(0.5) ? Every(random, seconds) : null;

    private static TimeSpan Every(SeededRandom random, double seconds) => TimeSpan.FromSeconds(seconds * (0.5 + random.Share()));
}
