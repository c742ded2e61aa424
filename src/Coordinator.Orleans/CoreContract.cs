// Stands in for what the engine's core will bring, in its shape; goes when that is merged.
#pragma warning disable
using System.Runtime.CompilerServices;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Hosting
{
    internal interface IHostLink
    {
        ulong Host { get; }

        void Send(ulong host, in HostMessage message);
    }

    internal readonly record struct HostMessage(TransactionId Transaction, CommitInput? ToCoordinator, CommitMessage? ToParticipant);

    internal static class EngineContract
    {
        public static void Receive(this TransactionEngine engine, ulong from, in HostMessage message)
        {
        }

        public static Client.JoinedTransaction Join(this TransactionEngine engine, Client.TransactionHeader header) => new(header);

        public static void Release(this TransactionEngine engine, StreamName stream)
        {
        }
    }
}

namespace Coordinator.Client
{
    internal sealed record TransactionHeader(TransactionId Id, ulong Home, TransactionAge Age, TimeSpan Timeout, bool IsOptimistic);

    internal abstract class TransactionWork(TransactionHeader header)
    {
        public TransactionHeader Header => header;

        public ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
            where T : class, IAggregate<T> => throw new NotSupportedException();

        public ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
            where T : class, IAggregate<T> => throw new NotSupportedException();

        public ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
            where T : class => throw new NotSupportedException();

        public ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
            where T : class => throw new NotSupportedException();

        public ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default) => throw new NotSupportedException();

        public void Doom(AbortCause cause)
        {
        }
    }

    internal sealed class JoinedTransaction(TransactionHeader header) : TransactionWork(header);

    internal static class AgeContract
    {
        extension(TransactionAge age)
        {
            public TransactionId First => FirstOf(age);
        }

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_first")]
        private static extern ref TransactionId FirstOf(TransactionAge age);
    }
}

namespace Coordinator.Protocol.Commit
{
    internal static class IncarnationContract
    {
        extension(Incarnation incarnation)
        {
            public ulong Host => 0;
        }
    }
}
