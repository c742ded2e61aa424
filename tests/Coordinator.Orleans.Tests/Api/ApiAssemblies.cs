namespace Coordinator.Tests.Api;

/// <summary>What only a build with the packages of Orleans has.</summary>
internal static class ApiAssemblies
{
    public static string[] Names { get; } = ["Coordinator.Orleans"];
}
