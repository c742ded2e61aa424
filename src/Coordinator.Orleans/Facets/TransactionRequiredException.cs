namespace Coordinator;

/// <summary>The state of a grain was used in a call that is not part of a transaction.</summary>
public sealed class TransactionRequiredException : TransactionException
{
    internal TransactionRequiredException(string state)
        : base(
            default,
            $"'{state}' is read and changed in transactions only, and this call is not part of one. Make it inside the delegate of {nameof(ITransactions)}.{nameof(ITransactions.RunAsync)}, "
            + $"awaited and not one-way; or read with {nameof(IAggregates)}, which needs no transaction.") => State = state;

    /// <summary>The stream of the state.</summary>
    public string State { get; }
}
