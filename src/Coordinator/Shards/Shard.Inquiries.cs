using System.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Shards;

/// <content>What became of a transaction: from memory, from the log, or by presumption where that is safe.</content>
internal sealed partial class Shard
{
    /// <summary>Answers what became of any transaction of this log's shard.</summary>
    public async ValueTask<InquiryAnswer> AskAsync(TransactionId id, CancellationToken cancellation)
    {
        var fromMemory = new Completion<InquiryAnswer?>();
        Post(new Mail(id, null, fromMemory));
        if (await fromMemory.WaitAsync().ConfigureAwait(false) is { } known)
        {
            return known;
        }

        if ((long)id.Epoch > View.Epoch && await LookForHeirAsync(cancellation).ConfigureAwait(false))
        {
            return InquiryAnswer.Undecided; // its new owner knows
        }

        try
        {
            return await AskLogAsync(id, cancellation).ConfigureAwait(false);
        }
        catch (LogCorruptException corrupt)
        {
            DecisionUnreadable(logger, id, corrupt.Message);
            return InquiryAnswer.Held; // what can't be read is not absent (L06)
        }
    }

    /// <summary>What memory holds of a transaction; null if it holds nothing, as of all that is over or was never begun here.</summary>
    public ValueTask<LiveTransaction?> LookAsync(TransactionId id)
    {
        var look = new Completion<LiveTransaction?>();
        Post(new Mail(id, null, look));
        return look.WaitAsync();
    }

    /// <summary>Reads who owns the shard, and stops if it is somebody else by now (rule D-4); true if it is.</summary>
    public async ValueTask<bool> LookForHeirAsync(CancellationToken cancellation)
    {
        var end = await store.ReadShardEndAsync(Number, cancellation).ConfigureAwait(false);
        if (end.Owned is not { } owned || owned.Version <= Epoch)
        {
            return false;
        }

        Stop();
        return true;
    }

    private async ValueTask<InquiryAnswer> AskLogAsync(TransactionId id, CancellationToken cancellation)
    {
        var decision = await FindDecisionAsync(id, cancellation).ConfigureAwait(false);
        if (decision is null && await LookForHeirAsync(cancellation).ConfigureAwait(false))
        {
            return InquiryAnswer.Undecided; // a newer owner may have forgotten it and removed the row; later than the look-up, so that none comes in between
        }

        var claimBits = await EpochClaimBitsAsync(id, cancellation).ConfigureAwait(false);
        if (decision is null && claimBits == id.ClaimBits && (long)id.Epoch < View.Epoch && View.Horizon?.Covers(id) is not true)
        {
            await recovered.History.VerifyForAsync(id, () => View.Horizon, dispatcher).ConfigureAwait(false); // only rows that were read can be presumed not to hold it
        }

        var answer = InquiryRules.AnswerFromLog(
            id, View, new LookUp(decision is null ? null : decision.Kind is RowKind.CommitDecided ? Decision.Commit : Decision.Abort, claimBits));
        if (answer is InquiryAnswer.NeverIssued)
        {
            NeverIssued(logger, id);
        }

        return answer;
    }

    private async ValueTask<LogRow?> FindDecisionAsync(TransactionId id, CancellationToken cancellation)
    {
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.OldDecisionsSkipped) && (long)id.Epoch < Epoch)
        {
            return null;
        }
#endif
        try
        {
            return await store.FindDecisionAsync(id, cancellation).ConfigureAwait(false);
        }
        catch (LogCorruptException) when (View.Horizon?.Covers(id) is true)
        {
            return null; // the rows before it are removed already: it is next
        }
    }

    /// <summary>Null if the row at the id's epoch is no claim, or can't be read: then nothing is presumed.</summary>
    private async ValueTask<ulong?> EpochClaimBitsAsync(TransactionId id, CancellationToken cancellation)
    {
        if ((long)id.Epoch == View.Epoch)
        {
            return View.ClaimBits;
        }

        var rows = await store.ReadAsync(_lane.Stream, (long)id.Epoch, 1, UnreadableRows.Mark, cancellation).ConfigureAwait(false);
        return rows is [{ Kind: RowKind.ShardOwned, Fault: null } owned] && owned.Version == (long)id.Epoch ? ShardClaimer.OwnerOf(owned).ClaimBits : null;
    }

    /// <summary>A transaction that memory does not know never comes back to life: whatever arrives is late.</summary>
    private void AnswerForgotten(TransactionId id, CommitInput input)
    {
        switch (input)
        {
            case CommitInput.EnlistRequested enlist:
                transport.ToParticipant(
                    id, new CommitMessage.EnlistmentAnswered(enlist.Participant, enlist.Incarnation, EnlistmentRefusal.NotActive));
                break;
            case CommitInput.OutcomeInquired inquired:
                _ = AnswerInquiryAsync(id, inquired);
                break;
        }
    }

    private async Task AnswerInquiryAsync(TransactionId id, CommitInput.OutcomeInquired inquired)
    {
        Activity.Current = null; // whoever happens to pump has nothing to do with the reads that follow
        try
        {
            switch (await AskAsync(id, CancellationToken.None).ConfigureAwait(false))
            {
                case InquiryAnswer.Committed:
                    transport.ToParticipant(id, new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, Decision.Commit));
                    break;
                case InquiryAnswer.Aborted:
                    transport.ToParticipant(id, new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, Decision.Abort));
                    break;
                case InquiryAnswer.Forgotten or InquiryAnswer.Held when (long)id.Epoch < Epoch: // fenced: no row of it can come any more
                    transport.ToParticipant(id, new CommitMessage.OutcomeNotOnRecord(inquired.Asker, inquired.Incarnation));
                    break;
            }
        }
        catch (Exception error) when (error is not InvariantViolationException)
        {
            InquiryFailed(logger, id, error.Message); // the asker stays in doubt and asks again
        }
    }
}
