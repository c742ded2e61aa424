using System.Runtime.CompilerServices;
using Coordinator.Protocol;

namespace Coordinator.Client;

/// <summary>What a transaction's age is made of, until the age itself tells.</summary>
internal static class AgeContract
{
    extension(TransactionAge age)
    {
        public TransactionId First => FirstOf(age);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_first")]
    private static extern ref TransactionId FirstOf(TransactionAge age);
}
