using System.Collections.Immutable;

namespace Coordinator.Protocol.Ownership;

/// <summary>What a standby saw of a shard and its owner in one look at the log and at the heartbeats.</summary>
/// <param name="Now">The standby's own monotonic clock.</param>
/// <param name="OwnBeatAcknowledged">The store took the standby's own beat since the last look.</param>
/// <param name="Epoch">Of the shard's last ShardOwned row; 0 if it never had an owner.</param>
/// <param name="Owner">The host that claimed it.</param>
/// <param name="Released">The shard's last row hands it over.</param>
/// <param name="OwnerBeat">The owner's beat count if its last beat lists the shard; null if it has no beat or doesn't list it.</param>
/// <param name="OwnerProcessGone">The owner's process is known to have ended: same machine and boot, and nobody has its id and start time.</param>
internal readonly record struct StandbyLook(
    TimeSpan Now,
    bool OwnBeatAcknowledged,
    long Epoch,
    ulong Owner,
    bool Released,
    long? OwnerBeat,
    bool OwnerProcessGone);

/// <summary>What a standby remembers between looks.</summary>
/// <param name="Epoch">The epoch watched.</param>
/// <param name="LastLook">When it last looked.</param>
/// <param name="LastOwnBeatAcknowledged">Whether that look counted as evidence.</param>
/// <param name="LastOwnerBeat">The owner's beat count then.</param>
/// <param name="Silence">For how long the owner has been silent, counting only what is evidence.</param>
/// <param name="SilentLooks">Over how many looks in a row.</param>
/// <param name="WrongfulTakeOvers">By displaced host: how often it was seen alive after a take-over.</param>
internal sealed record StandbyState(
    long Epoch,
    TimeSpan LastLook,
    bool LastOwnBeatAcknowledged,
    long? LastOwnerBeat,
    TimeSpan Silence,
    int SilentLooks,
    ImmutableDictionary<ulong, int> WrongfulTakeOvers)
{
    public static StandbyState Initial { get; } =
        new(-1, TimeSpan.Zero, false, null, TimeSpan.Zero, 0, ImmutableDictionary<ulong, int>.Empty);
}

/// <summary>Whether a standby takes a shard over.</summary>
/// <param name="State">To be remembered.</param>
/// <param name="TakesOver">Claim the shard now, against the epoch that was looked at.</param>
internal readonly record struct StandbyStep(StandbyState State, bool TakesOver);

/// <summary>
/// When a standby takes a shard over (design section 3). It is liveness only: a claim at any moment is harmless to safety, but
/// each one aborts what its victim had not decided.
/// </summary>
/// <remarks>
/// Silence counts on the standby's own evidence and clock: only between two looks at which the store took the standby's own
/// beat (a store that stalls must not make every host take from every other), and only over several looks (a standby that
/// was stopped itself and wakes has seen nothing). An owner that was displaced and turned out to be alive is given twice
/// the time at the next occasion; a dead one costs nothing.
/// </remarks>
internal static class StandbyProtocol
{
    /// <summary>How often hosts beat and look.</summary>
    public static readonly TimeSpan BeatPeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>How long an owner must be silent.</summary>
    public static readonly TimeSpan SilenceMin = TimeSpan.FromSeconds(2);

    /// <summary>Over how many looks in a row.</summary>
    public const int SilentLooksMin = 4;

    private const int DoublingsMax = 5;

    // One look can be late by at most a period before what lies between is no evidence of the owner's silence any more.
    private static readonly TimeSpan StepMax = BeatPeriod + BeatPeriod;

    /// <summary>One look. <paramref name="jitter"/> is drawn evenly from 0 to 1: hosts must not all claim at once.</summary>
    public static StandbyStep Look(StandbyState state, StandbyLook look, double jitter)
    {
        if (look.Epoch == 0 || look.Released || look.OwnerProcessGone)
        {
            return new StandbyStep(Forget(state, look), TakesOver: true);
        }

        var heard = look.Epoch != state.Epoch || (look.OwnerBeat is { } beat && beat != state.LastOwnerBeat);
        if (heard)
        {
            return new StandbyStep(Forget(state, look), TakesOver: false);
        }

        var isEvidence = look.OwnBeatAcknowledged && state.LastOwnBeatAcknowledged;
        var elapsed = look.Now - state.LastLook;
        var next = state with
        {
            LastLook = look.Now,
            LastOwnBeatAcknowledged = look.OwnBeatAcknowledged,
            Silence = isEvidence ? state.Silence + (elapsed < StepMax ? elapsed : StepMax) : state.Silence,
            SilentLooks = isEvidence ? state.SilentLooks + 1 : state.SilentLooks,
        };
        var takesOver = isEvidence && next.SilentLooks >= SilentLooksMin && next.Silence >= SilenceNeeded(state, look.Owner, jitter);
        return new StandbyStep(next, takesOver);
    }

    /// <summary>A host that was displaced has beaten since: the take-over was not needed.</summary>
    public static StandbyState DisplacedOwnerSeen(StandbyState state, ulong displaced) => state with
    {
        WrongfulTakeOvers = state.WrongfulTakeOvers.SetItem(displaced, state.WrongfulTakeOvers.GetValueOrDefault(displaced) + 1),
    };

    /// <summary>How long this owner must be silent before it is displaced.</summary>
    public static TimeSpan SilenceNeeded(StandbyState state, ulong owner, double jitter)
    {
        var doublings = Math.Min(state.WrongfulTakeOvers.GetValueOrDefault(owner), DoublingsMax);
        var needed = SilenceMin * (1 << doublings);
        return doublings == 0 ? needed : needed * (1 + (jitter / 4));
    }

    private static StandbyState Forget(StandbyState state, StandbyLook look) => state with
    {
        Epoch = look.Epoch,
        LastLook = look.Now,
        LastOwnBeatAcknowledged = look.OwnBeatAcknowledged,
        LastOwnerBeat = look.OwnerBeat,
        Silence = TimeSpan.Zero,
        SilentLooks = 0,
    };
}
