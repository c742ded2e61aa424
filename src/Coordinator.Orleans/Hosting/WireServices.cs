using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Coordinator.Orleans.Hosting;

/// <summary>What silos and clients need alike to understand each other.</summary>
internal static class WireServices
{
    /// <summary>Adds it.</summary>
    public static IServiceCollection AddCoordinatorWire(this IServiceCollection services) => services.Configure<ExceptionSerializationOptions>(static options =>
    {
        // Exceptions of transactions have converters. The rest of ours (a row that can't be read, say) arrives as its type with its message.
        var others = options.SupportedExceptionTypeFilter;
        options.SupportedExceptionTypeFilter = type => type.Namespace is nameof(Coordinator) or "Coordinator.Protocol" || others?.Invoke(type) is true;
    });
}
