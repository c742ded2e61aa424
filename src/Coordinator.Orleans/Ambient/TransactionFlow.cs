using Coordinator.Orleans.Ambient;
using Coordinator.Orleans.Wire;

namespace Coordinator;

/// <summary>How a transaction reaches code: it flows from what is part of it into all that this calls and starts. On silos and in clients.</summary>
public static class TransactionFlow
{
    /// <summary>
    /// Begins a block that the transaction of the running code does not flow into: what is called and started there is no part of it, and a
    /// <see cref="ITransactions.RunAsync(Func{ITransaction, Task}, CancellationToken)"/> there is a transaction of its own. Outside of transactions it does nothing.
    /// </summary>
    /// <remarks>
    /// It is for work that goes on by itself, which as a part of the transaction would be refused once the call that started it has ended. What is done there
    /// stays if the transaction aborts, and finds states locked that the transaction has used: don't await it inside the transaction.
    /// </remarks>
    /// <returns>To be disposed, which ends the block, by the method that has begun it.</returns>
    public static IDisposable Suppress()
    {
        var suppressed = new Suppressed(CallScope.Current, AmbientTransaction.Carried);
        CallScope.Enter(null);
        AmbientTransaction.Drop();
        return suppressed;
    }

    private sealed class Suppressed(CallScope? scope, WireHeader? header) : IDisposable
    {
        public void Dispose()
        {
            CallScope.Enter(scope);
            if (header is not null)
            {
                AmbientTransaction.Carry(header);
            }
        }
    }
}
