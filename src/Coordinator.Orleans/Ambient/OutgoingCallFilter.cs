using Coordinator.Hosting;
using Coordinator.Orleans.Clients;
using Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Orleans.CodeGeneration;

namespace Coordinator.Orleans.Ambient;

/// <summary>Sends the transaction along with the calls of its invocations, and counts them (rule D-6). On silos and clients.</summary>
internal sealed class OutgoingCallFilter(IServiceProvider services) : IOutgoingGrainCallFilter
{
    // None on a client. Filters are made before the silo's configuration is validated, and without a log there is no engine.
    private readonly Lazy<TransactionEngine?> _engine = new(services.GetService<TransactionEngine>);

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

    private async Task InvokeInAsync(IOutgoingGrainCallContext context, CallScope scope)
    {
        scope.StartCall();
        try
        {
            if (AmbientTransaction.Carried != scope.Header)
            {
                AmbientTransaction.Carry(scope.Header);
            }

            var call = context.Invoke();
            await (call.IsCompleted || _engine.Value is not { } engine ? call : AnsweredAsync(call, context, scope.Header.Id, engine.Silence)).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            scope.EndCall(error, $"a call of {context.InterfaceName}.{context.MethodName}");
            throw;
        }

        scope.EndCall();
    }

    /// <summary>
    /// A call to a silo that has just died would last as long as the response time-out, and the transaction hold its locks on others for that time. Which
    /// silo it went to nobody knows here: if one falls silent, all that are out are given up, and the work is run again.
    /// </summary>
    private static async Task AnsweredAsync(Task call, IOutgoingGrainCallContext context, TransactionId transaction, CancellationToken silence)
    {
        try
        {
            await call.WaitAsync(silence).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!call.IsCompleted)
        {
            call.Ignore();
            throw new TransactionAbortedException(
                transaction, new AbortCause(AbortReason.Moved, null, $"a silo fell silent while a call of {context.InterfaceName}.{context.MethodName} was out"));
        }
    }
}
