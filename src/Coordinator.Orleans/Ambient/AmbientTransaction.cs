using Coordinator.Orleans.Wire;

namespace Coordinator.Orleans.Ambient;

/// <summary>The entry of the request context in which a transaction goes from one invocation to the next.</summary>
internal static class AmbientTransaction
{
    private const string Key = "coordinator.transaction";

    /// <summary>The transaction of the call that is being carried; null if it has none.</summary>
    /// <exception cref="TransactionRefusedException">Somebody has put something else there.</exception>
    public static WireHeader? Carried => RequestContext.Get(Key) switch
    {
        null => null,
        WireHeader header => header,
        var other => throw new TransactionRefusedException(
            default, $"The request context's entry '{Key}' is a {other.GetType()}, not a transaction: leave that entry alone, and use the same version of Coordinator.Orleans in clients and silos."),
    };

    /// <summary>There is an entry, of whatever kind.</summary>
    public static bool IsCarried => RequestContext.Get(Key) is not null;

    /// <summary>Carries a transaction with the calls that the caller's asynchronous method makes from here on.</summary>
    public static void Carry(WireHeader header) => RequestContext.Set(Key, header);

    /// <summary>Carries none.</summary>
    public static void Drop() => RequestContext.Remove(Key);
}
