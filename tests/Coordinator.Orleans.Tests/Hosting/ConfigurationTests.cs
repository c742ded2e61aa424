using Coordinator.Log;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What a silo takes from the application's configuration, and what stops it there.</summary>
public sealed class ConfigurationTests
{
    private const string Server = "Host=127.0.0.1;Port=1;Database=bank";

    [Fact]
    public async Task Options_are_set_by_their_names_and_code_goes_before_them()
    {
        using var host = Build(
            static silo => silo.AddCoordinator(static options => options.LockTimeout = TimeSpan.FromSeconds(9)).UseInMemoryLog(),
            ("LockTimeout", "00:00:03"),
            ("VoteTimeout", "00:00:04"),
            ("ParticipantsMax", "7"));
        var options = host.Services.GetRequiredService<IOptions<CoordinatorOptions>>().Value;
        Assert.Equal((TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(4), 7), (options.LockTimeout, options.VoteTimeout, options.ParticipantsMax));
        Assert.Equal(new CoordinatorOptions().TransactionTimeout, options.TransactionTimeout);
        await using var _ = host.Services.GetRequiredService<ILogStore>();
    }

    [Fact]
    public async Task A_log_in_memory_is_chosen()
    {
        using var host = Build(static silo => silo.AddCoordinator(), ("Log:ProviderType", "Memory"));
        await using var store = host.Services.GetRequiredService<ILogStore>();
        Assert.IsType<InMemoryLogStore>(store);
    }

    [Fact]
    public async Task A_log_in_PostgreSql_is_chosen_with_its_settings()
    {
        using var host = Build(
            static silo => silo.AddCoordinator(), ("Log:ProviderType", "PostgreSql"), ("Log:ConnectionString", Server), ("Log:LockTimeout", "00:00:05"), ("Log:CreateIfMissing", "false"));
        await using var store = host.Services.GetRequiredService<ILogStore>();
        Assert.Contains("'bank' at 127.0.0.1:1", store.Description, StringComparison.Ordinal);
        var settings = host.Services.GetRequiredService<IOptions<PostgreSqlLogOptions>>().Value;
        Assert.Equal((TimeSpan.FromSeconds(5), false), (settings.LockTimeout, settings.CreateIfMissing));
    }

    [Theory]
    [InlineData("log:providerType", "memory")]
    [InlineData("LOG:PROVIDERTYPE", "MEMORY")] // as variables of an environment often are
    public async Task Keys_are_read_however_they_are_written(string key, string value)
    {
        using var host = Build(static silo => silo.AddCoordinator(), (key, value));
        await using var store = host.Services.GetRequiredService<ILogStore>();
        Assert.IsType<InMemoryLogStore>(store);
    }

    [Fact]
    public async Task A_log_that_code_chooses_goes_before_a_configured_one()
    {
        using var host = Build(static silo => silo.AddCoordinator().UseInMemoryLog(), ("Log:ProviderType", "PostgreSql"), ("Log:ConnectionString", Server));
        await using var store = host.Services.GetRequiredService<ILogStore>();
        Assert.IsType<InMemoryLogStore>(store);
    }

    [Theory]
    [InlineData("LockTimout", "00:00:03", "'Orleans:Coordinator:LockTimout'", "LockTimeout")]
    [InlineData("LockTimeout", "soon", "'Orleans:Coordinator:LockTimeout'", "soon")]
    [InlineData("LockTimeout:Seconds", "3", "'Orleans:Coordinator:LockTimeout'", "no setting")]
    [InlineData("Log:ConnectionString", Server, "'Orleans:Coordinator:Log:ProviderType' is missing", "PostgreSql")]
    [InlineData("Log:ProviderType", "Oracle", "'Orleans:Coordinator:Log:ProviderType' is 'Oracle'", "Memory")]
    [InlineData("Log:ProviderType", "Testing", "'Orleans:Coordinator:Log:ProviderType' is 'Testing'", "Memory")]
    [InlineData("Log:ProviderType", "../Oracle", "'Orleans:Coordinator:Log:ProviderType' is '../Oracle'", "Memory")]
    public void What_means_nothing_stops_the_silo_and_is_told(string key, string value, string told, string alsoTold)
    {
        var error = Assert.Throws<OrleansConfigurationException>(() => Build(static silo => silo.AddCoordinator(), (key, value)));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.Contains(alsoTold, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_that_the_log_does_not_have_is_told()
    {
        var error = Assert.Throws<OrleansConfigurationException>(() => Build(
            static silo => silo.AddCoordinator(), ("Log:ProviderType", "PostgreSql"), ("Log:ConectionString", Server)));
        Assert.Contains("'Orleans:Coordinator:Log:ConectionString'", error.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(PostgreSqlLogOptions.ConnectionString), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_value_out_of_bounds_stops_the_silo_as_it_starts()
    {
        using var host = Build(static silo => silo.UseLocalhostClustering().AddCoordinator().AddEventsFrom(typeof(ConfigurationTests).Assembly).UseInMemoryLog(), ("LockTimeout", "-00:00:01"));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains(nameof(CoordinatorOptions.LockTimeout), error.Message, StringComparison.Ordinal);
    }

    private static IHost Build(Action<ISiloBuilder> configure, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(settings.Select(static one => KeyValuePair.Create<string, string?>($"Orleans:Coordinator:{one.Key}", one.Value)));
        builder.UseOrleans(configure);
        return builder.Build();
    }
}
