using System.Diagnostics;
using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Client;

/// <summary>
/// The work of one transaction at this host: opens participants here and adds to their redo, whoever began the transaction and wherever it is coordinated.
/// </summary>
internal abstract class TransactionWork(TransactionEngine engine)
{
    // Also the gate of everything below: one object less for each transaction.
    private readonly List<Participation> _participations = new(2);
    private int _callsRunning;
    private StreamName _opening;
    private List<StreamName>? _moreOpening;
    private int _bytes;

    /// <summary>Names it and its terms.</summary>
    public TransactionHeader Header { get; protected set; } = null!; // set before anyone has the transaction

    /// <summary>The transaction.</summary>
    public TransactionId Id => Header.Id;

    /// <inheritdoc cref="ITransaction.Age"/>
    public TransactionAge Age => Header.Age;

    /// <summary>The transaction's span; null if nobody records it here.</summary>
    public virtual Activity? Span => null;

    protected TransactionEngine Engine => engine;

    /// <summary>Guards what participants were opened and whether more may be.</summary>
    protected object Gate => _participations;

    /// <summary>Those that were opened here. Under the gate.</summary>
    protected List<Participation> Participations => _participations;

    /// <summary>A call for a participant is under way. Under the gate.</summary>
    protected bool HasCallsRunning => _callsRunning > 0;

    /// <summary>No work is taken any more. Under the gate.</summary>
    protected abstract bool IsOver { get; }

    public ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => OpenAsync(
            AggregateTypes.StreamOf<T>(id),
            typeof(T),
            engine.Aggregates.Factory<T>(),
            LockMode.Shared,
            static (_, participation) => new AggregateView<T>((T)participation.Working!, participation.BaseVersion),
            cancellation);

    public ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => OpenAsync(
            AggregateTypes.StreamOf<T>(id),
            typeof(T),
            engine.Aggregates.Factory<T>(),
            LockMode.Exclusive,
            static (self, participation) => new Aggregate<T>(self, participation),
            cancellation);

    public ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => OpenAsync(
            UserStream(stream),
            typeof(T),
            engine.Aggregates.StateFactory<T>(),
            LockMode.Shared,
            static (_, participation) => new StateView<T>((T?)participation.Working, participation.BaseVersion),
            cancellation);

    public ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => OpenAsync(
            UserStream(stream),
            typeof(T),
            engine.Aggregates.StateFactory<T>(),
            LockMode.Exclusive,
            static (self, participation) => new TransactionalState<T>(self, participation),
            cancellation);

    public async ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(@event);
        var participation = await OpenAsync(
            UserStream(stream),
            typeof(PublishedStream),
            static name => new PublishedStream(name),
            LockMode.Exclusive,
            static (_, participation) => participation,
            cancellation).ConfigureAwait(false);
        Record(participation, @event);
    }

    /// <summary>Has the transaction's commit bind the key. Says who has bound it before; null if nobody has.</summary>
    public async ValueTask<KeyBinding?> BindAsync(IdempotencyKey key, CancellationToken cancellation)
    {
        var participation = await OpenAsync(
            key.Stream,
            typeof(KeyStream),
            static name => new KeyStream(name),
            LockMode.Exclusive,
            static (_, participation) => participation,
            cancellation).ConfigureAwait(false);
        if (participation.Working is KeyBinding earlier)
        {
            return earlier;
        }

#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.KeyNotInBatch))
        {
            return null;
        }
#endif
        var binding = new KeyBinding(Id, key.RequestHash);
        return participation.Activation.TryRecord(participation, binding.ToEvent(), null, binding) is RecordAnswer.Recorded ? null : throw NotActive();
    }

    /// <summary>It can't commit any more, for this cause or for one that came before it.</summary>
    public abstract void Doom(AbortCause cause);

    /// <summary>Adds an event to the redo of one participant.</summary>
    public void Record(Participation participation, object @event)
    {
        try
        {
            RecordEvent(participation, @event);
        }
        catch (Exception error)
        {
            // As with a call that fails: the transaction can't commit without the event, whatever the user's code swallows (D-6).
            Doom(new AbortCause(AbortReason.WorkFailed, new ParticipantId(participation.Activation.Stream), $"a change of it threw {error.GetType().Name}"));
            throw;
        }
    }

    private void RecordEvent(Participation participation, object @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        var from = participation.Working;
        var data = engine.Events.Serialize(@event);
        var working = (participation.Activation as FoldedActivation)?.Fold(from, @event);
        var bytesMax = engine.Options.RedoBytesMax; // of all participants it is the coordinator that knows; here, of those that this work or its stream know
        if (Interlocked.Add(ref _bytes, data.Payload.Length) > bytesMax || participation.Bytes + data.Payload.Length > bytesMax)
        {
            throw new TransactionRefusedException(
                Id, $"The events of transaction {Id} exceed {engine.Options.RedoBytesMax} bytes (option {nameof(CoordinatorOptions.RedoBytesMax)}). Split the transaction or raise the option.");
        }

        switch (participation.Activation.TryRecord(participation, data, from, working))
        {
            case RecordAnswer.NotActive:
                throw NotActive();
            case RecordAnswer.Raced:
                throw new InvalidOperationException($"Two threads raised events on '{participation.Activation.Stream}' in transaction {Id} at once: raise one after the other.");
        }
    }

    private StreamName UserStream(string stream)
    {
        var name = new StreamName(stream);
        engine.Aggregates.EnsurePlain(name);
        return name;
    }

    /// <summary>
    /// Enlists, locks and loads one participant. One method, so that a call which has to wait costs one state machine.
    /// </summary>
    private async ValueTask<THandle> OpenAsync<THandle>(
        StreamName stream,
        Type shape,
        Func<StreamName, Activation> create,
        LockMode mode,
        Func<TransactionWork, Participation, THandle> open,
        CancellationToken cancellation)
    {
        var participation = StartCall(stream);
        try
        {
            if (participation is null)
            {
                participation = engine.Participants.StartEnlistment(Header, stream, shape, create, Span);
                var refusal = await participation.EnlistedAsync().ConfigureAwait(false);
                Enlisted(participation, refusal);
            }

            if (participation.Activation.Shape != shape)
            {
                throw new ArgumentException($"Stream '{stream}' is in use as {participation.Activation.Shape.Name}, not as {shape.Name}: give each use a stream of its own.", nameof(stream));
            }

            if (!engine.Participants.Feed(participation, ParticipationInput.CallStarted.Instance, LogPosition.None))
            {
                throw NotActive();
            }

            var answer = await engine.Participants.LockAsync(participation, mode, cancellation).ConfigureAwait(false);
            if (answer is not LockAnswer.Granted)
            {
                cancellation.ThrowIfCancellationRequested();
                throw await NotGrantedAsync().ConfigureAwait(false);
            }

            engine.Participants.Feed(participation, ParticipationInput.CallEnded.Well, LogPosition.None);
            return open(this, participation);
        }
        catch (Exception error)
        {
            // Whatever the user's code makes of this exception, the transaction can't commit without the call's work (D-6).
            Doom(new AbortCause(AbortReason.WorkFailed, new ParticipantId(stream), $"a call for it threw {error.GetType().Name}"));
            throw;
        }
        finally
        {
            EndCall(stream);
        }
    }

    /// <summary>The lock was not granted: why the transaction can't go on.</summary>
    protected abstract ValueTask<Exception> NotGrantedAsync();

    /// <summary>No work is taken any more: why.</summary>
    protected abstract TransactionException NotActive();

    /// <summary>Why a participant has voted No, which the coordinator may not have heard yet. Under the gate.</summary>
    protected AbortCause? Refusal()
    {
        foreach (var participation in _participations)
        {
            if (participation.Refused is { } cause)
            {
                return cause;
            }
        }

        return null;
    }

    private Participation? StartCall(StreamName stream)
    {
        lock (Gate)
        {
            if (IsOver)
            {
                throw NotActive();
            }

            if (_opening != stream && _moreOpening?.Contains(stream) is not true)
            {
                AddCall(stream);
                return FindParticipation(stream);
            }
        }

        // Two waits of one transaction for one lock: the queue would have one too many for ever.
        var cause = new AbortCause(AbortReason.WorkFailed, new ParticipantId(stream), "two calls for one stream at once: await the first one");
        Doom(cause);
        throw new TransactionAbortedException(Id, cause);
    }

    private void AddCall(StreamName stream)
    {
        _callsRunning++;
        if (_opening.IsEmpty)
        {
            _opening = stream;
        }
        else
        {
            (_moreOpening ??= []).Add(stream);
        }
    }

    private Participation? FindParticipation(StreamName stream)
    {
        foreach (var participation in _participations)
        {
            if (participation.Activation.Stream == stream)
            {
                return participation;
            }
        }

        return null;
    }

    private void EndCall(StreamName stream)
    {
        lock (Gate)
        {
            _callsRunning--;
            if (_opening == stream)
            {
                _opening = default;
            }
            else
            {
                _moreOpening?.Remove(stream);
            }
        }
    }

    private void Enlisted(Participation participation, EnlistmentRefusal? refusal)
    {
        if (refusal is null)
        {
            lock (Gate)
            {
                _participations.Add(participation);
                if (!IsOver)
                {
                    return;
                }
            }

            throw NotActive();
        }

        var stream = participation.Activation.Stream;
        engine.Participants.Feed(participation, ParticipationInput.DecisionReceived.Abort, LogPosition.None);
        throw refusal switch
        {
            EnlistmentRefusal.NotActive => participation.Refused is { } dropped ? new TransactionAbortedException(Id, dropped) : NotActive(),
            EnlistmentRefusal.TooManyParticipants => new TransactionRefusedException(
                Id, $"Transaction {Id} has {engine.Options.ParticipantsMax} participants, the limit of option {nameof(CoordinatorOptions.ParticipantsMax)}; '{stream}' is one too many."),
            _ when engine.IsClustered => new TransactionAbortedException(
                Id, new AbortCause(AbortReason.Moved, new ParticipantId(stream), "the transaction has worked on it at another host")),
            _ => new TransactionAbortedException(
                Id, new AbortCause(AbortReason.SecondIncarnation, new ParticipantId(stream), "two calls for one stream at once: await the first one")),
        };
    }
}
