using Coordinator.Log;
using Coordinator.Shards;
using Microsoft.Extensions.DependencyInjection;
using Shop;

namespace Coordinator.Chaos.Victims;

/// <summary>The Shop as it is, in a process of its own that dies at a crash point.</summary>
internal static class ShopVictim
{
    public static Task<int> RunAsync(CrashPoint point, string[] shopArguments) =>
        ShopProgram.RunAsync(shopArguments, services => AddCrashPoint(services, point));

    /// <summary>Puts the crash point around the log store that was chosen, and around the transport.</summary>
    public static void AddCrashPoint(IServiceCollection services, CrashPoint point)
    {
        var store = services.Single(service => service.ServiceType == typeof(ILogStore));
        services.Remove(store);
        services.AddSingleton<ILogStore>(provider => new CrashingStore((ILogStore)store.ImplementationFactory!(provider), point));
        services.AddSingleton<Func<ITransport, ITransport>>(inner => new CrashingTransport(inner, point));
    }
}
