using System.Diagnostics;
using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using Coordinator.Shards;

namespace Coordinator.Client;

/// <summary>The initiator's side of one transaction.</summary>
internal sealed partial class TransactionContext(TransactionEngine engine, TimeSpan began, Activity? span) : ITransaction, IInitiator
{
    // Also the gate of everything below: one object less for each transaction.
    private readonly List<Participation> _participations = new(2);
    private Completion<TransactionOutcome>? _waiter;
    private List<Completion<TransactionOutcome>>? _moreWaiters;
    private TransactionOutcome? _outcome;
    private bool _ending;
    private bool _isWithdrawn;
    private int _callsRunning;
    private StreamName _opening;
    private List<StreamName>? _moreOpening;
    private int _bytes;
    private WorkTerms _terms = null!; // set by Start, before anyone has the transaction

    public TransactionId Id { get; private set; }

    public TransactionAge Age => _terms.Age;

    /// <inheritdoc/>
    public Activity? Span => span;

    /// <summary>Null while it is not known.</summary>
    public TransactionOutcome? KnownOutcome => Volatile.Read(ref _outcome);

    /// <summary>Begins: sets what is known only now.</summary>
    public void Start(TransactionId id, WorkTerms terms) => (Id, _terms) = (id, terms);

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

        var binding = new KeyBinding(Id, key.RequestHash);
        return participation.Activation.TryRecord(participation, binding.ToEvent(), null, binding) is RecordAnswer.Recorded ? null : throw NotActive();
    }

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
            Abort(new AbortCause(AbortReason.WorkFailed, new ParticipantId(participation.Activation.Stream), $"a change of it threw {error.GetType().Name}"));
            throw;
        }
    }

    private void RecordEvent(Participation participation, object @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        var from = participation.Working;
        var data = engine.Events.Serialize(@event);
        var working = (participation.Activation as FoldedActivation)?.Fold(from, @event);
        if (Interlocked.Add(ref _bytes, data.Payload.Length) > engine.Options.RedoBytesMax)
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
        Func<TransactionContext, Participation, THandle> open,
        CancellationToken cancellation)
    {
        var participation = StartCall(stream);
        try
        {
            if (participation is null)
            {
                participation = engine.Participants.StartEnlistment(Id, _terms, stream, shape, create, span);
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
            Abort(new AbortCause(AbortReason.WorkFailed, new ParticipantId(stream), $"a call for it threw {error.GetType().Name}"));
            throw;
        }
        finally
        {
            EndCall(stream);
        }
    }

    private Participation? StartCall(StreamName stream)
    {
        lock (_participations)
        {
            if (_ending || _outcome is not null)
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
        Abort(cause);
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
        lock (_participations)
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
            lock (_participations)
            {
                _participations.Add(participation);
            }

            return;
        }

        var stream = participation.Activation.Stream;
        engine.Participants.Feed(participation, ParticipationInput.DecisionReceived.Abort, LogPosition.None);
        throw refusal switch
        {
            EnlistmentRefusal.NotActive => NotActive(),
            EnlistmentRefusal.TooManyParticipants => new TransactionRefusedException(
                Id, $"Transaction {Id} has {engine.Options.ParticipantsMax} participants, the limit of option {nameof(CoordinatorOptions.ParticipantsMax)}; '{stream}' is one too many."),
            _ => new TransactionAbortedException(
                Id, new AbortCause(AbortReason.SecondIncarnation, new ParticipantId(stream), "two calls for one stream at once: await the first one")),
        };
    }
}
