using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Coordinator.Orleans.Tests;

/// <summary>Where a silo listens.</summary>
/// <param name="Silo">For silos.</param>
/// <param name="Gateway">For clients.</param>
/// <param name="Primary">Of the silo that knows the others.</param>
internal sealed record SiloPorts(int Silo, int Gateway, int Primary);

/// <summary>A silo as an application would build it: its log comes from the configuration.</summary>
internal static class SiloHost
{
    /// <summary>Says that the silo is a member.</summary>
    public const string Ready = "ready";

    /// <summary>A silo on the log of this database; its membership and its coordinator have the default options.</summary>
    /// <param name="ports">Where it listens.</param>
    /// <param name="connectionString">Of the log.</param>
    /// <param name="responseTimeout">How long a grain call waits for its answer.</param>
    public static IHost Build(SiloPorts ports, string connectionString, TimeSpan responseTimeout)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(
        [
            new("Orleans:Coordinator:Log:ProviderType", "PostgreSql"),
            new("Orleans:Coordinator:Log:ConnectionString", connectionString),
        ]);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(ports.Silo, ports.Gateway, new IPEndPoint(IPAddress.Loopback, ports.Primary));
            silo.AddPlacementDirector<KeyPlacement, KeyPlacementDirector>();
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = responseTimeout);
            silo.AddCoordinator().AddEventsFrom(typeof(SiloHost).Assembly);
        });
        return builder.Build();
    }

    /// <summary>Runs a silo until the test says a line, or is gone; then stops it in good order.</summary>
    public static async Task<int> ServeAsync(string[] arguments)
    {
        var numbers = arguments[1..].Select(static one => int.Parse(one, CultureInfo.InvariantCulture)).ToArray();
        using var host = Build(new SiloPorts(numbers[0], numbers[1], numbers[2]), arguments[0], TimeSpan.FromMilliseconds(numbers[3]));
        await host.StartAsync();
        Console.WriteLine(Ready);
        await Console.In.ReadLineAsync();
        await host.StopAsync();
        return 0;
    }
}
