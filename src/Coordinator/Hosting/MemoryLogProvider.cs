using Coordinator.Hosting;

[assembly: LogProvider("Memory", typeof(MemoryLogProvider))]

namespace Coordinator.Hosting;

/// <summary>The log in memory, from configuration.</summary>
internal sealed class MemoryLogProvider : ILogProvider
{
    /// <inheritdoc/>
    public object CreateSettings() => new();

    /// <inheritdoc/>
    public void Use(CoordinatorBuilder builder, Action<object> bind) => builder.UseInMemoryLog();
}
