// Stands in for what the engine's core will bring, in its shape; goes when that is merged.
#pragma warning disable
using System.Runtime.CompilerServices;
using Coordinator.Protocol;

namespace Coordinator.Hosting
{
    internal static class EngineContract
    {
        public static void Release(this TransactionEngine engine, StreamName stream)
        {
        }
    }
}

namespace Coordinator.Client
{
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
