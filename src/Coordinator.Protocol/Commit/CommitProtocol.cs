using System.Collections.Immutable;
using System.Runtime.InteropServices;
using CommitTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Commit.CommitState, Coordinator.Protocol.Commit.CommitEvent, Coordinator.Protocol.Commit.CommitMessage>;

namespace Coordinator.Protocol.Commit;

/// <summary>
/// The coordinator's side of atomic commit: presumed abort, with the redo of log-native participants in the decision's
/// own batch.
/// </summary>
/// <remarks>
/// <para>What it owns: one transaction, from its first enlistment to the moment everyone knows the outcome. It has no clock,
/// randomness, task, log or network; they come in as inputs and go out as events and messages.</para>
/// <para>When a transaction counts as committed: when its <see cref="CommitEvent.CommitDecided"/> is durable, and not a
/// moment earlier; <see cref="Apply"/> of that event is the commit point. While the log has the decision in hand
/// (Committing) it may or may not have landed, so nothing is answered, not even an inquiry: the log's fence settles it and
/// the machine hears <see cref="CommitInput.EventDurable"/> or <see cref="CommitInput.EventRefused"/>. If the owner
/// dies there, its successor reads the shard: a decision row means committed, no row means aborted for ever.</para>
/// <para>What a partial failure means: before the decision is handed to the log any doubt (a No, a deadline, a lost
/// participant, a second incarnation) aborts, and nothing is written: no record means aborted. After it, nothing but
/// the log can abort. With a last resource (rule D-7) the LastResourceCommitting record is forced first, then the resource's
/// marker row decides, and the batch that writes the outcome behind the Held rows cannot conflict.</para>
/// <para>What stays unknown: an initiator whose deadline passes while the log has the decision in hand is told Unknown,
/// never Aborted. Source of the rules: docs/protocol.md.</para>
/// </remarks>
internal static class CommitProtocol
{
    /// <summary>One transition. The table of all (phase, input) pairs is docs/protocol.md#coordinator-table.</summary>
    public static CommitTransition Advance(CommitState state, CommitInput input) => input switch
    {
        CommitInput.EnlistRequested enlist => Enlist(state, enlist),
        CommitInput.CommitRequested commit => RequestCommit(state, commit),
        CommitInput.AbortRequested abort => RequestAbort(state, abort.Cause),
        CommitInput.GiveUpRequested giveUp => RequestGiveUp(state, giveUp),
        CommitInput.VoteReceived vote => ReceiveVote(state, vote),
        CommitInput.DeadlinePassed deadline => PassDeadline(state, deadline.Now),
        CommitInput.EventDurable durable => Settle(state, durable.Event, durable.Position),
        CommitInput.EventRefused refused => SettleRefused(state, refused.Event, refused.Cause),
        CommitInput.ReadsChecked check => HearReadCheck(state, check.Conflict),
        CommitInput.AcknowledgementReceived acknowledged => Acknowledge(state, acknowledged.Participant),
        CommitInput.OutcomeInquired inquired => Inquire(state, inquired),
        CommitInput.ParticipantLost lost => LoseParticipant(state, lost.Participant),
        CommitInput.LastResourceAnswered answered => HearLastResource(state, answered.Marker),
        CommitInput.Recovered => Recover(state),
        CommitInput.OwnershipLost => LoseOwnership(state),
        CommitInput.DeliveryDue => Redeliver(state),
        _ => throw new InvariantViolationException("every input has a handler"),
    };

    /// <summary>
    /// The only way a durable fact enters the state: live steps and recovery both pass through here. On recovery
    /// <paramref name="state"/> is null at a transaction's first event.
    /// </summary>
    public static CommitState Apply(CommitState? state, CommitEvent durable)
    {
        switch (durable)
        {
            case CommitEvent.LastResourceCommitting record:
                state ??= Rebuild(record.Id, record.Branches, record.Redo, record.Resource);
                return state with { Phase = CommitPhase.LastResourceCommitting, LastResourceRecorded = true };
            case CommitEvent.CommitDecided decided: // the commit point
                state ??= Rebuild(decided.Id, decided.Branches, decided.Redo, null);
                Invariant.Holds(state.Phase is not CommitPhase.Aborted, "a decided transaction keeps its outcome (I4)");
                return state with { Phase = CommitPhase.Committed, CanForget = !AwaitsAcknowledgement(state.Participants, CommitPhase.Committed) };
            case CommitEvent.AbortDecided decided:
                state ??= Rebuild(decided.Id, decided.Branches, [], null);
                Invariant.Holds(state.Phase is not CommitPhase.Committed, "a decided transaction keeps its outcome (I4)");
                return state with
                {
                    Phase = CommitPhase.Aborted,
                    Cause = decided.Cause,
                    AbortRecorded = true,
                    CanForget = !AwaitsAcknowledgement(state.Participants, CommitPhase.Aborted),
                };
            case CommitEvent.TransactionEnded ended:
                Invariant.Holds(state?.Phase is CommitPhase.Committed or CommitPhase.Aborted, "only a decided transaction ends");
                return state with { CanForget = true };
            default:
                throw new InvariantViolationException($"event {durable.GetType().Name} of {durable.Id} has no meaning to this version");
        }
    }

    private static CommitTransition Enlist(CommitState state, CommitInput.EnlistRequested enlist)
    {
        if (state.Phase is not CommitPhase.Active)
        {
            return CommitTransition.Ignore(state, "no longer active", Answer(EnlistmentRefusal.NotActive));
        }

        var known = state.IndexOf(enlist.Participant);
        if (known >= 0 && state.Participants[known].Incarnation == enlist.Incarnation)
        {
            return CommitTransition.Ignore(state, "enlisted already", Answer(null));
        }

#if PLANTED_BUGS
        if (known >= 0 && PlantedBugs.Has(PlantedBug.SecondIncarnationIgnored))
        {
            return CommitTransition.To(state.With(known, state.Participants[known] with { Incarnation = enlist.Incarnation }), null, Answer(null));
        }
#endif
        if (known >= 0)
        {
            // The address has lost what it did under its first incarnation and could still match the expected version.
            var isElsewhere = state.Participants[known].Incarnation.Host != enlist.Incarnation.Host;
            var cause = new AbortCause(isElsewhere ? AbortReason.Moved : AbortReason.SecondIncarnation, enlist.Participant);
            return Abort(state, cause, Answer(EnlistmentRefusal.SecondIncarnation));
        }

        if (enlist.Kind is ParticipantKind.LastResource && state.HasLastResource)
        {
            return CommitTransition.Ignore(state, "a second last resource", Answer(EnlistmentRefusal.SecondLastResource));
        }

        if (state.Participants.Length >= enlist.ParticipantsMax)
        {
            return CommitTransition.Ignore(state, "too many participants", Answer(EnlistmentRefusal.TooManyParticipants));
        }

        var enlisted = state with { Participants = state.Participants.Add(new Enlistment(enlist.Participant, enlist.Incarnation, enlist.Kind)) };
        return CommitTransition.To(enlisted, null, Answer(null));

        CommitMessage.EnlistmentAnswered Answer(EnlistmentRefusal? refusal) => new(enlist.Participant, enlist.Incarnation, refusal);
    }

    private static CommitTransition RequestCommit(CommitState state, CommitInput.CommitRequested commit)
    {
        switch (state.Phase)
        {
            case CommitPhase.Active:
                var preparing = state with
                {
                    Phase = CommitPhase.Preparing, VoteDeadline = commit.VoteDeadline, ChecksReads = commit.ChecksReads, RedoBytesMax = commit.RedoBytesMax,
                };
                var messages = Prepares(state, static kind => kind is not ParticipantKind.LastResource);
                return messages.Length > 0
                    ? CommitTransition.To(preparing, null, messages)
                    : Tallied(preparing, preparing.Participants);
            case CommitPhase.Committed or CommitPhase.Aborted:
                return CommitTransition.Ignore(state, "decided already", Announce(state));
            default:
                return CommitTransition.Ignore(state, "asked for already; the answer comes with the decision");
        }
    }

    private static CommitTransition RequestAbort(CommitState state, AbortCause cause) => state.Phase switch
    {
        CommitPhase.Active or CommitPhase.Preparing or CommitPhase.CheckingReads => Abort(state, cause),
        CommitPhase.Committed or CommitPhase.Aborted => CommitTransition.Ignore(state, "decided already", Announce(state)),
        _ => CommitTransition.Ignore(state, "the decision is out of our hands; the answer comes with it"),
    };

    /// <summary>Only who keeps a state in memory is asked, for only that can be old; nobody is asked to promise anything.</summary>
    private static CommitTransition RequestGiveUp(CommitState state, CommitInput.GiveUpRequested giveUp)
    {
        if (state.Phase is not CommitPhase.Active)
        {
            return state.GivesUpFor is not null ? CommitTransition.Ignore(state, "is given up already") : RequestAbort(state, giveUp.Cause);
        }

        var messages = Prepares(state, static kind => kind is ParticipantKind.LogNative);
        return messages.IsEmpty
            ? Abort(state, giveUp.Cause)
            : CommitTransition.To(state with { Phase = CommitPhase.Preparing, VoteDeadline = giveUp.VoteDeadline, GivesUpFor = giveUp.Cause }, null, messages);
    }

    private static ImmutableArray<CommitMessage> Prepares(CommitState state, Predicate<ParticipantKind> isAsked)
    {
        var messages = new CommitMessage[state.Participants.Length];
        var count = 0;
        foreach (var enlistment in state.Participants)
        {
            if (isAsked(enlistment.Kind))
            {
                messages[count++] = new CommitMessage.PrepareRequested(enlistment.Participant, enlistment.Incarnation);
            }
        }

        Array.Resize(ref messages, count); // gives the same one back where all are asked
        return ImmutableCollectionsMarshal.AsImmutableArray(messages);
    }

    private static CommitTransition ReceiveVote(CommitState state, CommitInput.VoteReceived vote)
    {
        var index = state.IndexOf(vote.Participant);
        if (index < 0)
        {
            return CommitTransition.Ignore(state, "vote of a participant that is not enlisted");
        }

        var enlistment = state.Participants[index];
        switch (state.Phase)
        {
            case CommitPhase.Preparing when vote is { Ballot: Ballot.No, Cause.Reason: AbortReason.ParticipantLost }
                && enlistment.Ballot is Ballot.ReadOnly && enlistment.Incarnation == vote.Incarnation:
                return CommitTransition.Ignore(state, "it has voted and left, and was asked again: its vote stands");
            case CommitPhase.Preparing when vote is { Ballot: Ballot.No, Cause.Reason: AbortReason.WorkFailed or AbortReason.Requested }
                && state.GivesUpFor is not null && enlistment.Incarnation == vote.Incarnation:
                return Tallied(state, state.Participants.SetItem(index, enlistment with { Ballot = Ballot.No, Redo = vote.Redo }));
            case CommitPhase.Active when vote.Ballot is Ballot.No:
            case CommitPhase.Preparing when vote.Ballot is Ballot.No:
                // Of whichever incarnation: the address says that work was dropped, and before a decision abort is always safe.
                return Abort(
                    state.With(index, enlistment with { Ballot = Ballot.No }),
                    vote.Cause ?? new AbortCause(AbortReason.Refused, vote.Participant));
            case CommitPhase.Active:
                return CommitTransition.Violate(state, "a vote before prepare");
            case CommitPhase.Preparing when enlistment.Incarnation != vote.Incarnation:
                return Abort(state, new AbortCause(AbortReason.SecondIncarnation, vote.Participant));
            case CommitPhase.Preparing when enlistment.Ballot is Ballot.Pending && !Fits(enlistment.Kind, vote):
                return CommitTransition.Violate(state, "a ballot that this kind of participant can't cast");
            case CommitPhase.Preparing when enlistment.Ballot is Ballot.Pending:
                return Tallied(state, state.Participants.SetItem(index, enlistment with { Ballot = vote.Ballot, Redo = vote.Redo }));
            case CommitPhase.Aborted when vote.Ballot is Ballot.Yes:
                return CommitTransition.Ignore(
                    state, "late vote: aborted already", new CommitMessage.DecisionDelivered(vote.Participant, vote.Incarnation, Decision.Abort));
            case CommitPhase.Aborted or CommitPhase.Aborting:
                return CommitTransition.Ignore(state, "late vote: the outcome is abort");
            default:
                return vote.Ballot == enlistment.Ballot || vote.Ballot is Ballot.No
                    ? CommitTransition.Ignore(state, "repeated or late vote: the first one stands")
                    : CommitTransition.Violate(state, "a vote that contradicts the first one");
        }
    }

    /// <summary>A log-native Yes brings events, a ReadOnly brings at most a read; an external's redo stays on its own side.</summary>
    private static bool Fits(ParticipantKind kind, CommitInput.VoteReceived vote) => (kind, vote.Ballot) switch
    {
        (ParticipantKind.LogNative, Ballot.Yes) => vote.Redo is { IsRead: false },
        (ParticipantKind.LogNative, Ballot.ReadOnly) => vote.Redo is null or { IsRead: true },
        (ParticipantKind.External, Ballot.Yes or Ballot.ReadOnly) => vote.Redo is null,
        _ => false,
    };

    private static CommitTransition Tallied(CommitState state, ImmutableArray<Enlistment> participants)
    {
        var needsBatch = false;
        Branch? resource = null;
        foreach (var enlistment in participants)
        {
            if (enlistment.Kind is ParticipantKind.LastResource)
            {
                resource = enlistment.Branch;
            }
            else if (enlistment.Ballot is Ballot.Pending && (state.GivesUpFor is null || enlistment.Kind is ParticipantKind.LogNative))
            {
                return CommitTransition.To(state with { Participants = participants }, null);
            }

            needsBatch |= enlistment is { Ballot: Ballot.Yes } or { Redo.RestsOn: not null };
        }

        if (state.GivesUpFor is not null)
        {
            return CommitTransition.To(
                state with { Phase = CommitPhase.CheckingReads, Participants = participants }, null, CommitMessage.ReadsCheckRequested.Instance);
        }

        if (IsTooLarge(participants, state.RedoBytesMax))
        {
            return Abort(state with { Participants = participants }, new AbortCause(AbortReason.Rejected, null, $"its events exceed {state.RedoBytesMax} bytes"));
        }

        if (resource is { } last)
        {
            var record = new CommitEvent.LastResourceCommitting(state.Id, Branches(participants), last, RedoOf(participants));
            return CommitTransition.To(state with { Phase = CommitPhase.RecordingLastResource, Participants = participants }, record);
        }

        if (!needsBatch)
        {
            // All read-only, of what is durable: no decision row, no phase two, and any crash is harmless (C24). A read of what is still
            // on its way to the log goes the same way behind it, or a crash could take away what was told.
#if PLANTED_BUGS
            if (PlantedBugs.Has(PlantedBug.ReadOnlyUnchecked))
            {
                return CommitReads(state with { Participants = participants });
            }
#endif
            return state.ChecksReads && !participants.IsEmpty
                ? CommitTransition.To(
                    state with { Phase = CommitPhase.CheckingReads, Participants = participants }, null, CommitMessage.ReadsCheckRequested.Instance)
                : CommitReads(state with { Participants = participants });
        }

        return HandToLog(state, participants);
    }

    private static CommitTransition CommitReads(CommitState state)
    {
        var committed = state with { Phase = CommitPhase.Committed, CanForget = true };
        return CommitTransition.To(committed, null, Announce(committed));
    }

    private static CommitTransition HearReadCheck(CommitState state, AbortCause? conflict) => state.Phase switch
    {
        CommitPhase.CheckingReads when (conflict ?? state.GivesUpFor) is { } cause => Abort(state, cause),
        CommitPhase.CheckingReads => CommitReads(state),
        CommitPhase.Committed or CommitPhase.Aborted => CommitTransition.Ignore(state, "decided already"),
        _ => CommitTransition.Violate(state, "nothing was asked"),
    };

    private static CommitTransition HandToLog(CommitState state, ImmutableArray<Enlistment> participants)
    {
        foreach (var enlistment in participants)
        {
            Invariant.Holds(
                enlistment.Ballot is Ballot.Yes or Ballot.ReadOnly || enlistment.Kind is ParticipantKind.LastResource,
                "commit needs a Yes or ReadOnly of every participant (I3)");
        }

        var decided = new CommitEvent.CommitDecided(state.Id, Branches(participants), RedoOf(participants), state.LastResourceRecorded);
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.ToldBeforeDurable))
        {
            return CommitTransition.To(state with { Phase = CommitPhase.Committing, Participants = participants }, decided, CommitMessage.OutcomeAnnounced.Committed);
        }
#endif
        return CommitTransition.To(state with { Phase = CommitPhase.Committing, Participants = participants }, decided);
    }

    private static CommitTransition PassDeadline(CommitState state, TimeSpan now)
    {
        if (now < state.NextDeadline)
        {
            return CommitTransition.Ignore(state, "not due yet");
        }

        switch (state.Phase)
        {
            case CommitPhase.Active or CommitPhase.CheckingReads:
                return Abort(state, new AbortCause(AbortReason.Timeout));
            case CommitPhase.Preparing:
                return Abort(state, VoteTimeout(state));
            case CommitPhase.Committed or CommitPhase.Aborted:
                return CommitTransition.Ignore(state, "decided already");
            default:
                var messages = ImmutableArray.CreateBuilder<CommitMessage>(2);
#if PLANTED_BUGS
                if (!state.UnknownAnnounced && PlantedBugs.Has(PlantedBug.TimeoutToldAborted))
                {
                    messages.Add(new CommitMessage.OutcomeAnnounced(OutcomeKind.Aborted, new AbortCause(AbortReason.Timeout)));
                    state = state with { UnknownAnnounced = true };
                }
#endif
                if (!state.UnknownAnnounced)
                {
                    messages.Add(new CommitMessage.OutcomeAnnounced(OutcomeKind.Unknown, null));
                }

                if (state.Phase is CommitPhase.LastResourceCommitting)
                {
                    messages.Add(new CommitMessage.LastResourceResolutionRequested(ResourceOf(state)));
                }

                return messages.Count == 0
                    ? CommitTransition.Ignore(state, "the initiator knows that the outcome is unknown")
                    : CommitTransition.To(state with { UnknownAnnounced = true }, null, messages.DrainToImmutable());
        }
    }

    private static CommitTransition Settle(CommitState state, CommitEvent durable, LogPosition position)
    {
        switch (state.Phase, durable)
        {
            case (CommitPhase.RecordingLastResource, CommitEvent.LastResourceCommitting record):
                return CommitTransition.To(Apply(state, durable), null, new CommitMessage.LastResourceCommitRequested(record.Resource));
            case (CommitPhase.Committing, CommitEvent.CommitDecided):
            case (CommitPhase.Aborting, CommitEvent.AbortDecided):
                var decided = Apply(state, durable);
                return CommitTransition.To(decided, null, Deliver(decided, announce: true, position));
            case (CommitPhase.Aborted, CommitEvent.AbortDecided):
                return Ended(Apply(state, durable));
            case (CommitPhase.Committed or CommitPhase.Aborted, CommitEvent.TransactionEnded):
                return CommitTransition.To(Apply(state, durable), null);
            default:
                return CommitTransition.Violate(state, "durable without having been handed to the log in this phase");
        }
    }

    private static CommitTransition SettleRefused(CommitState state, CommitEvent refused, AbortCause cause)
    {
        switch (state.Phase, refused)
        {
            case (CommitPhase.RecordingLastResource, CommitEvent.LastResourceCommitting):
            case (CommitPhase.Committing, CommitEvent.CommitDecided) when !state.LastResourceRecorded:
                return Abort(state, cause);
            case (CommitPhase.Committed or CommitPhase.Aborted, CommitEvent.TransactionEnded):
            case (CommitPhase.Aborted, CommitEvent.AbortDecided):
                return CommitTransition.To(state with { Ending = false, AbortRecording = false }, null); // tried again with the next delivery
            default:
                // Behind Held rows nothing can conflict (D-7): a refusal there means that someone wrote past the log's rules.
                return CommitTransition.Violate(state, "the log refused what it can't refuse in this phase");
        }
    }

    private static CommitTransition Acknowledge(CommitState state, ParticipantId participant)
    {
        var index = state.IndexOf(participant);
        if (index < 0)
        {
            return CommitTransition.Ignore(state, "acknowledgement of a participant that is not enlisted");
        }

        if (state.Phase is not (CommitPhase.Committed or CommitPhase.Aborted))
        {
            return CommitTransition.Violate(state, "an acknowledgement before the decision was delivered");
        }

        var enlistment = state.Participants[index];
        return enlistment.Acknowledged || enlistment.Kind is ParticipantKind.LogNative
            ? CommitTransition.Ignore(state, "acknowledged already, or without need")
            : Ended(state.With(index, enlistment with { Acknowledged = true }));
    }

    /// <summary>Everyone has acknowledged: write the end where a record would otherwise be delivered again after a crash.</summary>
    private static CommitTransition Ended(CommitState state)
    {
        if (state.CanForget || state.Ending || AwaitsAcknowledgement(state.Participants, state.Phase))
        {
            return CommitTransition.To(state, null);
        }

        return state.Phase is CommitPhase.Aborted && !state.AbortRecorded
            ? CommitTransition.To(state with { CanForget = true }, null)
            : CommitTransition.To(state with { Ending = true }, new CommitEvent.TransactionEnded(state.Id));
    }

    private static CommitTransition Inquire(CommitState state, CommitInput.OutcomeInquired inquired) => state.Phase switch
    {
        CommitPhase.Committed => CommitTransition.Ignore(state, "answered", new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, Decision.Commit)),
        CommitPhase.Aborted => CommitTransition.Ignore(state, "answered", new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, Decision.Abort)),
        CommitPhase.Active or CommitPhase.Preparing or CommitPhase.CheckingReads => CommitTransition.Ignore(state, "undecided: the asker stays in doubt and asks again"),
        _ => CommitTransition.Ignore(state, "in the log's hands: no answer before it is settled"),
    };

    private static CommitTransition LoseParticipant(CommitState state, ParticipantId participant)
    {
        var index = state.IndexOf(participant);
        return state.Phase switch
        {
            _ when index < 0 => CommitTransition.Ignore(state, "not a participant"),
            CommitPhase.Active or CommitPhase.Preparing when state.Participants[index].Ballot is not Ballot.ReadOnly =>
                Abort(state, new AbortCause(AbortReason.ParticipantLost, participant)),
            _ => CommitTransition.Ignore(state, "its vote stands; it learns the outcome when it is back"),
        };
    }

    private static CommitTransition HearLastResource(CommitState state, Decision marker)
    {
        switch (state.Phase)
        {
            case CommitPhase.LastResourceCommitting when marker is Decision.Commit:
                return HandToLog(state, state.Participants);
            case CommitPhase.LastResourceCommitting:
                var cause = new AbortCause(AbortReason.LastResourceAborted, ResourceOf(state).Participant);
                return CommitTransition.To(
                    state with { Phase = CommitPhase.Aborting, Cause = cause },
                    new CommitEvent.AbortDecided(state.Id, Branches(state.Participants), RedoOf(state.Participants), AfterLastResource: true, cause));
            case CommitPhase.Committing or CommitPhase.Committed when marker is Decision.Commit && state.LastResourceRecorded:
            case CommitPhase.Aborting or CommitPhase.Aborted when marker is Decision.Abort && state.LastResourceRecorded:
                return CommitTransition.Ignore(state, "answered already");
            default:
                return CommitTransition.Violate(state, "a marker before the last resource was told to commit, or against the decision");
        }
    }

    private static CommitTransition Recover(CommitState state) => state.Phase switch
    {
        CommitPhase.LastResourceCommitting =>
            CommitTransition.To(state, null, new CommitMessage.LastResourceResolutionRequested(ResourceOf(state))),
        CommitPhase.Committed or CommitPhase.Aborted => CommitTransition.To(state, null, Deliver(state, announce: false, LogPosition.None)),
        _ => CommitTransition.Violate(state, "nothing durable leads to this phase"),
    };

    private static CommitTransition LoseOwnership(CommitState state)
    {
        switch (state.Phase)
        {
            case CommitPhase.Active or CommitPhase.Preparing or CommitPhase.CheckingReads:
                // Its epoch has ended without a decision of it in the log or on the way there: nobody can commit it any more.
                return Abort(state, new AbortCause(AbortReason.Presumed));
            case CommitPhase.Committed or CommitPhase.Aborted:
                return CommitTransition.Ignore(state, "decided already; the new owner delivers");
            default:
#if PLANTED_BUGS
                if (PlantedBugs.Has(PlantedBug.OwnerLossToldAborted))
                {
                    return CommitTransition.To(state, null, new CommitMessage.OutcomeAnnounced(OutcomeKind.Aborted, new AbortCause(AbortReason.Presumed)));
                }
#endif
                return state.UnknownAnnounced
                    ? CommitTransition.Ignore(state, "the initiator knows that the outcome is unknown")
                    : CommitTransition.To(
                        state with { UnknownAnnounced = true }, null, new CommitMessage.OutcomeAnnounced(OutcomeKind.Unknown, null));
        }
    }

    private static CommitTransition Redeliver(CommitState state)
    {
        switch (state.Phase)
        {
            case CommitPhase.LastResourceCommitting:
                return CommitTransition.To(state, null, new CommitMessage.LastResourceResolutionRequested(ResourceOf(state)));
            case CommitPhase.Committed or CommitPhase.Aborted when AwaitsAcknowledgement(state.Participants, state.Phase):
                var messages = Deliver(state, announce: false, LogPosition.None);
                return state is { Phase: CommitPhase.Aborted, AbortRecorded: false, AbortRecording: false } && HasVoted(state)
                    ? CommitTransition.To(
                        state with { AbortRecording = true }, new CommitEvent.AbortDecided(state.Id, Branches(state.Participants), [], AfterLastResource: false, state.Cause!), messages)
                    : CommitTransition.To(state, null, messages);
            case CommitPhase.Committed or CommitPhase.Aborted when !state.CanForget:
                return Ended(state);
            default:
                return CommitTransition.Ignore(state, "nothing to deliver");
        }
    }

    private static CommitTransition Abort(CommitState state, AbortCause cause, params ReadOnlySpan<CommitMessage> before)
    {
        Invariant.Holds(!state.LastResourceRecorded, "after LastResourceCommitting only the marker decides (D-7)");

        // Presumed abort: nothing is written. No record means aborted, for ever.
        var aborted = state with
        {
            Phase = CommitPhase.Aborted, Cause = cause, GivesUpFor = null, CanForget = !AwaitsAcknowledgement(state.Participants, CommitPhase.Aborted),
        };
        return CommitTransition.To(aborted, null, Deliver(aborted, announce: true, LogPosition.None, before));
    }

    private static ImmutableArray<CommitMessage> Deliver(
        CommitState state, bool announce, LogPosition position, params ReadOnlySpan<CommitMessage> before)
    {
        var messages = ImmutableArray.CreateBuilder<CommitMessage>(before.Length + state.Participants.Length + 1);
        messages.AddRange(before);
        var decision = state.Phase is CommitPhase.Committed ? Decision.Commit : Decision.Abort;
        foreach (var enlistment in state.Participants)
        {
            // A No has dropped its work, a ReadOnly has left; a Pending one may hold locks, or be prepared with its vote lost. One whose read did not stand
            // must hear of it all the same, or it goes on from that state with the next one: every transaction that reads there is aborted, for ever.
            var concerned = enlistment.Ballot is Ballot.Yes || (decision is Decision.Abort && (enlistment.Ballot is Ballot.Pending || IsStale(state, enlistment)));
            if (concerned && !enlistment.Acknowledged)
            {
                messages.Add(new CommitMessage.DecisionDelivered(enlistment.Participant, enlistment.Incarnation, decision, position));
            }
        }

        if (announce)
        {
            messages.Add(Announce(state));
        }

        return messages.DrainToImmutable();
    }

    private static bool IsStale(CommitState state, Enlistment enlistment) =>
        enlistment.Ballot is Ballot.ReadOnly or Ballot.No && state.Cause is { Reason: AbortReason.Conflict } cause && cause.Participant == enlistment.Participant;

    private static CommitMessage.OutcomeAnnounced Announce(CommitState state) => state.Phase is CommitPhase.Committed
        ? CommitMessage.OutcomeAnnounced.Committed
        : new CommitMessage.OutcomeAnnounced(OutcomeKind.Aborted, state.Cause);

    private static AbortCause VoteTimeout(CommitState state)
    {
        foreach (var enlistment in state.Participants)
        {
            if (enlistment is { Ballot: Ballot.Pending, Kind: not ParticipantKind.LastResource })
            {
                return new AbortCause(AbortReason.VoteTimeout, enlistment.Participant);
            }
        }

        return new AbortCause(AbortReason.VoteTimeout);
    }

    /// <summary>Is there an external participant that has to obey, in this phase, and has not said that it did?</summary>
    private static bool AwaitsAcknowledgement(ImmutableArray<Enlistment> participants, CommitPhase phase)
    {
        foreach (var enlistment in participants)
        {
            var concerned = enlistment.Ballot is Ballot.Yes || (enlistment.Ballot is Ballot.Pending && phase is CommitPhase.Aborted);
            if (enlistment.Kind is ParticipantKind.External && concerned && !enlistment.Acknowledged)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasVoted(CommitState state)
    {
        foreach (var enlistment in state.Participants)
        {
            if (enlistment is { Kind: ParticipantKind.External, Ballot: Ballot.Yes, Acknowledged: false })
            {
                return true;
            }
        }

        return false;
    }

    private static ImmutableArray<Branch> Branches(ImmutableArray<Enlistment> participants)
    {
        ImmutableArray<Branch>.Builder? branches = null;
        foreach (var enlistment in participants)
        {
            if (enlistment.Kind is ParticipantKind.External && enlistment.Ballot is not (Ballot.No or Ballot.ReadOnly))
            {
                branches ??= ImmutableArray.CreateBuilder<Branch>();
                branches.Add(enlistment.Branch);
            }
        }

        return branches?.DrainToImmutable() ?? [];
    }

    private static ImmutableArray<Redo> RedoOf(ImmutableArray<Enlistment> participants)
    {
        var redo = ImmutableArray.CreateBuilder<Redo>(participants.Length);
        foreach (var enlistment in participants)
        {
            if (enlistment.Redo is { } one)
            {
                redo.Add(one);
            }
        }

        return redo.DrainToImmutable();
    }

    private static bool IsTooLarge(ImmutableArray<Enlistment> participants, long bytesMax)
    {
        long bytes = 0;
        foreach (var enlistment in participants)
        {
            foreach (var @event in enlistment.Redo?.Events ?? [])
            {
                bytes += @event.Payload.Length;
            }
        }

        return bytes > bytesMax;
    }

    private static Branch ResourceOf(CommitState state)
    {
        foreach (var enlistment in state.Participants)
        {
            if (enlistment.Kind is ParticipantKind.LastResource)
            {
                return enlistment.Branch;
            }
        }

        throw new InvariantViolationException("this phase is reached only with a last resource");
    }

    /// <summary>
    /// What a new owner knows of a transaction: externals, the last resource, and the redo if it is not appended yet.
    /// Log-native participants have nothing prepared: they learn the outcome from their own streams.
    /// </summary>
    private static CommitState Rebuild(TransactionId id, ImmutableArray<Branch> branches, ImmutableArray<Redo> redo, Branch? resource)
    {
        var participants = ImmutableArray.CreateBuilder<Enlistment>();
        foreach (var branch in branches)
        {
            participants.Add(new Enlistment(branch.Participant, branch.Incarnation, ParticipantKind.External, Ballot.Yes));
        }

        foreach (var one in redo)
        {
            var ballot = one.IsRead ? Ballot.ReadOnly : Ballot.Yes;
            participants.Add(new Enlistment(new ParticipantId(one.Stream), default, ParticipantKind.LogNative, ballot, one));
        }

        if (resource is { } last)
        {
            participants.Add(new Enlistment(last.Participant, last.Incarnation, ParticipantKind.LastResource));
        }

        return new CommitState(id, CommitPhase.Active, participants.ToImmutable(), TimeSpan.Zero);
    }
}
