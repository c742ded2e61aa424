namespace Coordinator.Protocol.Ownership;

/// <summary>Where one process stands towards one shard.</summary>
internal enum OwnershipPhase : byte
{
    /// <summary>Not the owner, and nothing under way.</summary>
    Unowned,

    /// <summary>A ShardOwned row is with the store.</summary>
    Claiming,

    /// <summary>The claim was refused or is unclear: the shard's end is being read.</summary>
    Resolving,

    /// <summary>The claim is in the log without a clean answer: an empty row behind it is with the store.</summary>
    Confirming,

    /// <summary>Owner: the only one who can append.</summary>
    Owned,

    /// <summary>Was or wanted to be the owner; somebody else is. Final for this Shard object.</summary>
    Lost,

    /// <summary>Has handed the shard over by its last row: nothing is appended any more. Final for this Shard object.</summary>
    Released,
}

/// <summary>Ownership of one shard as one Shard object knows it.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="ClaimBits">40 random bits of this object's claim; a re-created object draws new ones.</param>
/// <param name="GuardEpoch">The epoch that the claim replaces: it fails if another claim came first.</param>
internal readonly record struct OwnershipState(OwnershipPhase Phase, ulong ClaimBits, long GuardEpoch)
{
    /// <summary>Version of the own ShardOwned row. Has meaning in Confirming and Owned.</summary>
    public long Epoch { get; init; }

    /// <summary>The next version to append at: behind the last row known durable, never the database's end (rule D-4).</summary>
    public long NextVersion { get; init; }

    /// <summary>A group with rows of this shard is with the store (rule D-1: one at a time).</summary>
    public bool AppendInFlight { get; init; }

    public static OwnershipState Start(ulong claimBits, long guardEpoch) => new(OwnershipPhase.Claiming, claimBits, guardEpoch);
}

/// <summary>What the log said about a claim.</summary>
internal abstract record OwnershipInput
{
    private OwnershipInput()
    {
    }

    /// <summary>The claim is durable at this version.</summary>
    internal sealed record ClaimAcknowledged(long Version) : OwnershipInput;

    /// <summary>The guard failed: the shard's epoch is not the one that the claim was to replace.</summary>
    internal sealed record ClaimRefused : OwnershipInput;

    /// <summary>The claim may have landed.</summary>
    internal sealed record ClaimUnclear : OwnershipInput;

    /// <summary>The shard's last ShardOwned row and its last row were read, on one snapshot.</summary>
    internal sealed record EndRead(long Epoch, ulong ClaimBits, long LastVersion) : OwnershipInput;

    /// <summary>
    /// The empty row behind the claim is durable, and with it the row at <see cref="OwnershipState.Epoch"/>, which was read after that:
    /// a ShardOwned with these claim bits.
    /// </summary>
    internal sealed record ConfirmAcknowledged(ulong EpochClaimBits) : OwnershipInput;

    /// <summary>The empty row's key is taken.</summary>
    internal sealed record ConfirmRefused(bool ByOwnRow) : OwnershipInput;

    /// <summary>Rows numbered from <see cref="OwnershipState.NextVersion"/> are handed to the store.</summary>
    internal sealed record AppendStarted : OwnershipInput
    {
        public static AppendStarted Instance { get; } = new();
    }

    /// <summary>They are settled: the shard goes on at this version.</summary>
    internal sealed record AppendSettled(long NextVersion) : OwnershipInput;

    /// <summary>The row that hands the shard over is being sent, as the owner's last.</summary>
    internal sealed record ReleaseStarted : OwnershipInput
    {
        public static ReleaseStarted Instance { get; } = new();
    }

    /// <summary>A ShardOwned row of somebody else was read (rule D-4).</summary>
    internal sealed record ForeignClaimRead : OwnershipInput;
}

/// <summary>
/// Who owns a shard (design section 3): the one whose ShardOwned row is the last. The epoch is that row's version; from then on
/// nobody else can append, because every append names the epoch of the row before it.
/// </summary>
/// <remarks>
/// An unclear claim is settled by reading: its claim bits tell it from everybody else's. It is sent again unchanged while
/// the guard epoch still stands, for whichever copy lands first makes the guard of the others fail. Nothing here needs a
/// clock or a lease; those only decide when to try.
/// </remarks>
internal static class OwnershipProtocol
{
    /// <summary>One step; throws on an input that no correct shell sends in this phase.</summary>
    public static OwnershipState Advance(OwnershipState state, OwnershipInput input) => (state.Phase, input) switch
    {
        (OwnershipPhase.Claiming, OwnershipInput.ClaimAcknowledged landed) => Own(state, landed.Version, landed.Version + 1),
        (OwnershipPhase.Claiming, OwnershipInput.ClaimRefused or OwnershipInput.ClaimUnclear) =>
            state with { Phase = OwnershipPhase.Resolving },
        (OwnershipPhase.Resolving, OwnershipInput.EndRead end) => Resolve(state, end),
        (OwnershipPhase.Confirming, OwnershipInput.ConfirmAcknowledged confirmed) => confirmed.EpochClaimBits == state.ClaimBits
            ? Own(state, state.Epoch, state.NextVersion + 1)
            : state with { Phase = OwnershipPhase.Lost }, // the claim that was read vanished in a crash, and another took its version and so its epoch
        (OwnershipPhase.Confirming, OwnershipInput.ConfirmRefused { ByOwnRow: true }) =>
            state with { NextVersion = state.NextVersion + 1 },
        (OwnershipPhase.Confirming, OwnershipInput.ConfirmRefused) => state with { Phase = OwnershipPhase.Lost },
        (OwnershipPhase.Owned, OwnershipInput.AppendStarted) when !state.AppendInFlight => state with { AppendInFlight = true },
        (OwnershipPhase.Owned, OwnershipInput.AppendSettled settled) when state.AppendInFlight && settled.NextVersion >= state.NextVersion =>
            state with { AppendInFlight = false, NextVersion = settled.NextVersion },
        (OwnershipPhase.Owned, OwnershipInput.ReleaseStarted) when !state.AppendInFlight => state with { Phase = OwnershipPhase.Released },
        (_, OwnershipInput.ForeignClaimRead) => state with { Phase = OwnershipPhase.Lost },
        _ => throw new InvariantViolationException($"{input.GetType().Name} means nothing to an owner that is {state.Phase}"),
    };

    private static OwnershipState Own(OwnershipState state, long epoch, long nextVersion) =>
        state with { Phase = OwnershipPhase.Owned, Epoch = epoch, NextVersion = nextVersion };

    private static OwnershipState Resolve(OwnershipState state, OwnershipInput.EndRead end)
    {
        if (end.ClaimBits == state.ClaimBits && end.Epoch > state.GuardEpoch)
        {
            // Rows behind the own claim can only be the own empty rows of an earlier try.
            return state with { Phase = OwnershipPhase.Confirming, Epoch = end.Epoch, NextVersion = end.LastVersion + 1 };
        }

        return state with { Phase = end.Epoch == state.GuardEpoch ? OwnershipPhase.Claiming : OwnershipPhase.Lost };
    }
}
