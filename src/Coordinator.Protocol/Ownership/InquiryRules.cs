using Coordinator.Protocol.Commit;

namespace Coordinator.Protocol.Ownership;

/// <summary>What may be said of a transaction that is asked about by id.</summary>
internal enum InquiryAnswer : byte
{
    /// <summary>A commit decision is in the log.</summary>
    Committed,

    /// <summary>Aborted for good: on record, or no decision is in the log and none can come.</summary>
    Aborted,

    /// <summary>Not decided yet, or the decision is in the log's hands: ask again.</summary>
    Undecided,

    /// <summary>Below the forget horizon: the log no longer knows (rule D-5). Never Aborted.</summary>
    Forgotten,

    /// <summary>Nothing may be presumed before an operator has looked: another generation, an unknown epoch, unreadable rows.</summary>
    Held,

    /// <summary>The id was issued by another log: left alone.</summary>
    OtherLog,

    /// <summary>This log never issued the id: refused and alarmed.</summary>
    NeverIssued,
}

/// <summary>What the owner of a shard knows without reading.</summary>
/// <param name="Log">Identity of the log.</param>
/// <param name="Epoch">The owner's.</param>
/// <param name="ClaimBits">The owner's.</param>
/// <param name="LastSequence">The last sequence issued in this epoch.</param>
/// <param name="Horizon">What it covers is forgotten, unless a decision is found; null if nothing was ever forgotten.</param>
/// <param name="UnreadableVersion">The highest shard row that can't be read; 0 if all can.</param>
internal readonly record struct OwnerView(
    LogIdentity Log,
    long Epoch,
    ulong ClaimBits,
    ulong LastSequence,
    ForgetMark? Horizon,
    long UnreadableVersion);

/// <summary>What the log says about an id.</summary>
/// <param name="Decision">Of a decision row of the transaction in the shard; null if there is none.</param>
/// <param name="EpochClaimBits">Of the ShardOwned row at the id's epoch; null if that row is something else or nothing.</param>
internal readonly record struct LookUp(Decision? Decision, ulong? EpochClaimBits);

/// <summary>
/// Presumed abort without a claim row (design section 3): what an owner may answer about any id. The order of the tests is
/// the safety argument: an answer "aborted" rests on the fence (no older owner can append), on the look-up by id and on the
/// horizon, never on the absence of memory alone.
/// </summary>
internal static class InquiryRules
{
    /// <summary>The answer that needs no look-up, or null if the log must be asked.</summary>
    /// <param name="id">The transaction asked about.</param>
    /// <param name="owner">What the owner knows.</param>
    /// <param name="inMemory">The live transaction, or null if memory has none.</param>
    public static InquiryAnswer? AnswerAtOnce(TransactionId id, OwnerView owner, CommitState? inMemory)
    {
        if (id.Log.LogId != owner.Log.LogId)
        {
            return InquiryAnswer.OtherLog;
        }

        if (id.Log.Generation != owner.Log.Generation)
        {
            return InquiryAnswer.Held;
        }

        var ownEpoch = (long)id.Epoch == owner.Epoch && id.ClaimBits == owner.ClaimBits;
        if (ownEpoch && (id.Sequence > owner.LastSequence || id.Sequence == 0))
        {
            return InquiryAnswer.NeverIssued;
        }

        return inMemory?.Phase switch
        {
            null => null,
            CommitPhase.Committed => InquiryAnswer.Committed,
#if PLANTED_BUGS
            CommitPhase.Committing when PlantedBugs.Has(PlantedBug.PresumedWithoutFence) => InquiryAnswer.Aborted,
#endif
            CommitPhase.Aborted => InquiryAnswer.Aborted,
            _ => InquiryAnswer.Undecided,
        };
    }

    /// <summary>The answer once the log was asked. A higher epoch than the owner's was tested for a newer owner before.</summary>
    public static InquiryAnswer AnswerFromLog(TransactionId id, OwnerView owner, LookUp found)
    {
        if (found.Decision is { } decision)
        {
            return decision is Decision.Commit ? InquiryAnswer.Committed : InquiryAnswer.Aborted;
        }

        var epoch = (long)id.Epoch;
        if (epoch > owner.Epoch)
        {
            return InquiryAnswer.NeverIssued;
        }

        if (owner.Horizon is { } horizon && horizon.Covers(id))
        {
#if PLANTED_BUGS
            if (PlantedBugs.Has(PlantedBug.ForgottenToldAborted))
            {
                return InquiryAnswer.Aborted;
            }
#endif
            return InquiryAnswer.Forgotten;
        }

        // The epoch row carries the claim bits of whoever issued the id: this catches an undeclared restore (D-3).
        if (found.EpochClaimBits != id.ClaimBits)
        {
            return InquiryAnswer.Held;
        }

        // A decision could be in a row that can't be read: absent is not the same as unreadable (L06).
        return owner.UnreadableVersion > epoch ? InquiryAnswer.Held : InquiryAnswer.Aborted;
    }
}
