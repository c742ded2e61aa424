/// <summary>
/// Run by the runtime in a process that a test starts with DOTNET_STARTUP_HOOKS: writes down at its end which assemblies it has loaded. The
/// runtime asks for this name, outside any namespace.
/// </summary>
internal static class StartupHook
{
    /// <summary>Names the file.</summary>
    public const string FileVariable = "COORDINATOR_TEST_LOADED";

    public static void Initialize() => AppDomain.CurrentDomain.ProcessExit += static (_, _) => File.WriteAllLines(
        Environment.GetEnvironmentVariable(FileVariable)!, AppDomain.CurrentDomain.GetAssemblies().Select(static assembly => assembly.GetName().Name!));
}
