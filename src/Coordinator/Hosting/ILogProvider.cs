namespace Coordinator.Hosting;

/// <summary>A kind of log that configuration can choose by name.</summary>
internal interface ILogProvider
{
    /// <summary>New settings with their defaults. Their public properties are the keys that configuration may have.</summary>
    object CreateSettings();

    /// <summary>Chooses this log.</summary>
    /// <param name="builder">Of the host.</param>
    /// <param name="bind">Sets settings, of the type that <see cref="CreateSettings"/> makes, to what is configured.</param>
    void Use(CoordinatorBuilder builder, Action<object> bind);
}

/// <summary>Declares a log that configuration can choose, on the assembly that has it: a host finds it there without knowing the assembly.</summary>
/// <param name="type">Its name in configuration. The assembly is Coordinator.{name}, so that one which nothing else uses is found, too.</param>
/// <param name="provider">An <see cref="ILogProvider"/> with a constructor that takes nothing.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
internal sealed class LogProviderAttribute(string type, Type provider) : Attribute
{
    public string Type { get; } = type;

    public Type Provider { get; } = provider;
}
