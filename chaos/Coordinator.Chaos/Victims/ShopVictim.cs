using Shop;

namespace Coordinator.Chaos.Victims;

/// <summary>The Shop as it is, in a process of its own that dies at a crash point.</summary>
internal static class ShopVictim
{
    public static Task<int> RunAsync(CrashPoint point, string[] shopArguments) =>
        ShopProgram.RunAsync(shopArguments, point.AddTo);
}
