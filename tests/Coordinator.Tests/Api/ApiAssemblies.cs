namespace Coordinator.Tests.Api;

/// <summary>The shipped assemblies that this project refers to.</summary>
internal static class ApiAssemblies
{
    public static string[] Names { get; } =
        ["Coordinator", "Coordinator.Protocol", "Coordinator.AdoNet", "Coordinator.Sqlite", "Coordinator.PostgreSql", "Coordinator.Testing"];
}
