using System.Reflection;
using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Polly;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>Options and registration. Those of a store are in the tests of that store.</summary>
public sealed class OptionInputTests
{
    public static TheoryData<string, object> Wrong
    {
        get
        {
            var rows = new TheoryData<string, object>();
            foreach (var option in typeof(CoordinatorOptions).GetProperties())
            {
                object[] values = option.PropertyType == typeof(TimeSpan) ? [TimeSpan.Zero, TimeSpan.FromSeconds(-5), TimeSpan.MinValue]
                    : option.PropertyType == typeof(int) ? [0, -1, int.MinValue, int.MaxValue]
                    : option.PropertyType == typeof(long) ? [0L, -1L, long.MaxValue]
                    : option.PropertyType == typeof(byte?) ? [(byte)0, (byte)1]
                    : [];
                foreach (var value in values)
                {
                    rows.Add(option.Name, value);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task A_host_does_not_start_with_a_value_that_makes_no_sense_and_names_it(string option, object value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddCoordinator(options => typeof(CoordinatorOptions).GetProperty(option)!.SetValue(options, value)).UseInMemoryLog();
        using var host = builder.Build();

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains($"{option} is {value}", refused.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string> Calls => [.. NullCalls.Keys];

    private static readonly Dictionary<string, Action<CoordinatorBuilder>> NullCalls = new()
    {
        ["no services"] = _ => ((IServiceCollection)null!).AddCoordinator(),
        ["no health checks"] = _ => ((IHealthChecksBuilder)null!).AddCoordinator(),
        ["no assembly"] = builder => builder.AddEventsFrom(null!),
        ["no configuration of events"] = builder => builder.ConfigureEvents(null!),
        ["no reruns"] = builder => builder.UseReruns((Action<ResiliencePipelineBuilder<TransactionOutcome>>)null!),
        ["no path"] = builder => builder.UseSqlite(null!),
        ["an empty path"] = builder => builder.UseSqlite(""),
        ["a blank path"] = builder => builder.UseSqlite("  "),
        ["no connection string"] = builder => builder.UsePostgreSql(null!),
        ["a blank connection string"] = builder => builder.UsePostgreSql(" "),
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_registration_of_nothing_is_refused_where_it_is_made(string call)
    {
        var services = new ServiceCollection();
        var builder = services.AddCoordinator();
        var count = services.Count;
        Assert.ThrowsAny<ArgumentException>(() => NullCalls[call](builder));
        Assert.Equal(count, services.Count);
    }

    private static readonly Dictionary<string, Action<CoordinatorBuilder>> LateFaults = new()
    {
        ["an event name that is none"] = builder => builder.ConfigureEvents(events => events.Add<Noted>("with blank")),
        ["an event version below 1"] = builder => builder.ConfigureEvents(events => events.Add<Noted>("noted", 0)),
        ["one name for two types"] = builder => builder.ConfigureEvents(events => events.Add<Noted>("x").Add<Settings>("x")),
        ["two names for one type"] = builder => builder.ConfigureEvents(events => events.Add<Noted>("x").Add<Noted>("y")),
        ["a type without a name"] = builder => builder.ConfigureEvents(events => events.Add<OptionInputTests>()),
        ["no JSON"] = builder => builder.ConfigureEvents(events => events.Json = null!),
        ["no name of a snapshot"] = builder => builder.AddSnapshots<Account>(null!),
        ["a snapshot's version below 1"] = builder => builder.AddSnapshots<Account>("account", version: 0),
        ["snapshots after no event"] = builder => builder.AddSnapshots<Account>("account", every: 0),
        ["two snapshots of one type"] = builder => builder.AddSnapshots<Account>("account").AddSnapshots<Account>("other"),
    };

    public static TheoryData<string> Late => [.. LateFaults.Keys];

    [Theory]
    [MemberData(nameof(Late))]
    public async Task A_declaration_that_makes_no_sense_is_refused_before_the_log_is_opened(string fault)
    {
        var services = new ServiceCollection().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        var builder = services.AddCoordinator().UseInMemoryLog();
        LateFaults[fault](builder);
        await using var provider = services.BuildServiceProvider();
        Assert.ThrowsAny<ArgumentException>(provider.GetRequiredService<ITransactions>);
    }

    [Fact]
    public async Task Of_two_logs_the_last_one_chosen_is_used()
    {
        var services = new ServiceCollection().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddCoordinator().UseSqlite("never-opened.db").UseInMemoryLog();
        await using var provider = services.BuildServiceProvider();
        Assert.IsType<InMemoryLogStore>(Assert.Single(provider.GetServices<ILogStore>()));
    }

    [Fact]
    public void Every_option_says_in_its_comment_what_its_default_is()
    {
        var comments = System.Xml.Linq.XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Coordinator.xml")).Descendants("member");
        var options = typeof(CoordinatorOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);
        Assert.All(options, option => Assert.Contains(
            "efault", comments.Single(one => one.Attribute("name")!.Value == $"P:Coordinator.CoordinatorOptions.{option.Name}").Value, StringComparison.Ordinal));
    }
}
