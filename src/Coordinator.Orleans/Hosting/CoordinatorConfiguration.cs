using System.Reflection;
using Coordinator.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator.Orleans.Hosting;

/// <summary>
/// What the application's configuration says of the coordinator. A key that nobody reads stops the silo: a mistyped limit would else be a limit that is not
/// there.
/// </summary>
internal static class CoordinatorConfiguration
{
    private const string Section = "Orleans:Coordinator";
    private const string LogSection = "Log";
    private const string ProviderType = "ProviderType";

    /// <summary>Sets options, and chooses the log if one is configured.</summary>
    /// <exception cref="OrleansConfigurationException">A key or a value means nothing here.</exception>
    public static void Apply(IConfiguration configuration, CoordinatorBuilder builder)
    {
        var section = configuration.GetSection(Section);
        Check(section, new CoordinatorOptions(), LogSection);
        builder.Services.Configure<CoordinatorOptions>(section.Bind);
        var log = section.GetSection(LogSection);
        if (log.Exists())
        {
            var provider = Find(log);
            Check(log, provider.CreateSettings(), ProviderType);
            provider.Use(builder, log.Bind);
        }
    }

    private static void Check(IConfigurationSection section, object settings, string other)
    {
        string[] known = [.. settings.GetType().GetProperties().Where(static one => one.SetMethod is { IsPublic: true }).Select(static one => one.Name), other];
        if (section.GetChildren().FirstOrDefault(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase) || (child.Value is null && !child.Key.Equals(other, StringComparison.OrdinalIgnoreCase))) is { } unknown)
        {
            throw new OrleansConfigurationException($"The configuration has '{unknown.Path}', which is no setting of the coordinator: in '{section.Path}' there can be {string.Join(", ", known)}.");
        }

        try
        {
            section.Bind(settings);
        }
        catch (InvalidOperationException error)
        {
            throw new OrleansConfigurationException(error.Message, error); // which names the key
        }
    }

    private static ILogProvider Find(IConfigurationSection log)
    {
        var type = log[ProviderType];
        LogProviderAttribute[] all = [.. AppDomain.CurrentDomain.GetAssemblies().Concat(Load(type)).SelectMany(static assembly => assembly.GetCustomAttributes<LogProviderAttribute>())];
        return all.FirstOrDefault(one => one.Type.Equals(type, StringComparison.OrdinalIgnoreCase)) is { } found
            ? (ILogProvider)Activator.CreateInstance(found.Provider)!
            : throw new OrleansConfigurationException(
                $"'{log.Path}:{ProviderType}' is {(type is null ? "missing" : $"'{type}'")}, and names no log that is here: add the package Coordinator.PostgreSql and say PostgreSql, or say Memory for the trial of one silo. "
                + $"Here are: {string.Join(", ", all.Select(static one => one.Type).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))}.");
    }

    /// <summary>The assembly of a package that only the configuration names is not loaded yet.</summary>
    private static IEnumerable<Assembly> Load(string? type)
    {
        if (type is null || !type.All(char.IsAsciiLetterOrDigit))
        {
            return [];
        }

        try
        {
            return [Assembly.Load(new AssemblyName($"Coordinator.{type}"))];
        }
        catch (FileNotFoundException)
        {
            return []; // there is no such package: who asked says so
        }
    }
}
