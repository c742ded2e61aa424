using System.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Shards;

namespace Coordinator.Client;

/// <summary>The initiator's side of one transaction, and the work that it does at its own host.</summary>
internal sealed partial class TransactionContext(TransactionEngine engine, TimeSpan began, Activity? span) : TransactionWork(engine), ITransaction, IInitiator
{
    private Completion<TransactionOutcome>? _waiter;
    private List<Completion<TransactionOutcome>>? _moreWaiters;
    private TransactionOutcome? _outcome;
    private AbortCause? _doomed; // before there is an outcome
    private bool _ending;
    private bool _isWithdrawn;

    /// <inheritdoc/>
    public override Activity? Span => span;

    /// <summary>Null while it is not known.</summary>
    public TransactionOutcome? KnownOutcome => Volatile.Read(ref _outcome);

    /// <inheritdoc/>
    protected override bool IsOver => _ending || _outcome is not null;

    /// <summary>Begins: sets what is known only now.</summary>
    public void Start(TransactionHeader header) => Header = header;
}
