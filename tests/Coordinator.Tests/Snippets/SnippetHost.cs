using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Coordinator.Tests.Snippets;

/// <summary>An ordinary host on a log in memory, as a user has it, with a lamp in stock and a user who can pay.</summary>
internal sealed class SnippetHost : IAsyncDisposable
{
    private readonly IHost _host;

    private SnippetHost(IHost host) => _host = host;

    public ITransactions Transactions => _host.Services.GetRequiredService<ITransactions>();

    public IAggregates Aggregates => _host.Services.GetRequiredService<IAggregates>();

    public IEventLog Log => _host.Services.GetRequiredService<IEventLog>();

    public IServiceProvider Services => _host.Services;

    /// <summary>Builds and starts; <paramref name="register"/> may register the coordinator in a way of its own.</summary>
    public static async Task<SnippetHost> StartAsync(Action<HostApplicationBuilder>? register = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddCoordinator().AddEventsFrom(typeof(Stock).Assembly).UseInMemoryLog();
        register?.Invoke(builder);
        var host = new SnippetHost(builder.Build());
        await host._host.StartAsync();
        var opened = await host.Transactions.RunAsync(async transaction =>
        {
            (await transaction.UpdateAsync<Stock>("lamp")).Raise(new StockMoved(5));
            (await transaction.UpdateAsync<Account>("ann")).Raise(new PaidIn(9000));
        });
        opened.EnsureCommitted();
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
