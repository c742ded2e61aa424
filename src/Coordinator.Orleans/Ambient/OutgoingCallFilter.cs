using Coordinator.Orleans.Clients;
using Orleans.CodeGeneration;

namespace Coordinator.Orleans.Ambient;

/// <summary>Sends the transaction along with the calls of its invocations, and counts them (rule D-6). On silos and clients.</summary>
internal sealed class OutgoingCallFilter : IOutgoingGrainCallFilter
{
    /// <inheritdoc/>
    public Task Invoke(IOutgoingGrainCallContext context)
    {
        var scope = CallScope.Current;
        if (scope is null)
        {
            return AmbientTransaction.IsCarried ? InvokeWithoutAsync(context) : context.Invoke();
        }

        return IsPart(context) ? InvokeInAsync(context, scope) : InvokeWithoutAsync(context);
    }

    /// <summary>
    /// Nobody can tell whether a one-way call has ended, or how. Calls to the runtime and questions about transactions do no work in one. The call that
    /// ends a client's transaction must go out when another has failed or is outstanding, or its locks would be held until its deadline.
    /// </summary>
    private static bool IsPart(IOutgoingGrainCallContext context) =>
        !context.TargetId.IsSystemTarget()
        && !(context.Request is RequestBase request && request.Options.HasFlag(InvokeMethodOptions.OneWay))
        && !IsAboutTransactions(context.Request.GetInterfaceType());

    private static bool IsAboutTransactions(Type target) => target == typeof(ITransactionGrain) || target == typeof(IClientTransactionGrain);

    private static async Task InvokeWithoutAsync(IOutgoingGrainCallContext context)
    {
        AmbientTransaction.Drop(); // for this call: what an asynchronous method sets ends with it
        await context.Invoke().ConfigureAwait(false);
    }

    private static async Task InvokeInAsync(IOutgoingGrainCallContext context, CallScope scope)
    {
        scope.StartCall();
        try
        {
            if (AmbientTransaction.Carried != scope.Header)
            {
                AmbientTransaction.Carry(scope.Header);
            }

            await context.Invoke().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            scope.EndCall(error, $"a call of {context.InterfaceName}.{context.MethodName}");
            throw;
        }

        scope.EndCall();
    }
}
