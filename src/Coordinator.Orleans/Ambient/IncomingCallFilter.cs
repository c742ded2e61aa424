using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator.Orleans.Ambient;

/// <summary>Makes a grain call that comes with a transaction a part of it. On silos.</summary>
internal sealed class IncomingCallFilter(IServiceProvider services) : IIncomingGrainCallFilter
{
    // Filters are made before the silo's configuration is validated, and without a log there is no engine.
    private TransactionEngine Engine => field ??= services.GetRequiredService<TransactionEngine>();

    /// <inheritdoc/>
    public Task Invoke(IIncomingGrainCallContext context)
    {
        if (AmbientTransaction.IsCarried)
        {
            return InvokeInAsync(context);
        }

        // An activation may have been made in the flow of a call that was part of a transaction; this call is not.
        return CallScope.Current is null ? context.Invoke() : InvokeOutsideAsync(context);
    }

    private static async Task InvokeOutsideAsync(IIncomingGrainCallContext context)
    {
        CallScope.Enter(null);
        await context.Invoke().ConfigureAwait(false);
    }

    private async Task InvokeInAsync(IIncomingGrainCallContext context)
    {
        var header = AmbientTransaction.Carried!;
        var scope = new CallScope(header, Join);
        CallScope.Enter(scope);
        try
        {
            await context.Invoke().ConfigureAwait(false);
        }
        catch (Exception error) when (error is not TransactionAbortedException)
        {
            // What it throws after it has lost to another transaction may come from a state that never was: the caller is told of the loss.
            if (scope.Close() is { Reason: AbortReason.Conflict or AbortReason.Wounded or AbortReason.Moved } lost)
            {
                throw new TransactionAbortedException(header.Id, lost);
            }

            // The caller counts the failure as well, but what is between the two may call again, and would have the work done twice.
            scope.Fail(new AbortCause(AbortReason.WorkFailed, null, $"a call threw {error.GetType().Name}"));
            throw;
        }
        finally
        {
            scope.Close();
        }

        if (scope.Close() is { } cause)
        {
            throw new TransactionAbortedException(header.Id, cause);
        }
    }

    private JoinedTransaction Join(WireHeader header) => Engine.Join(header.Read());
}
