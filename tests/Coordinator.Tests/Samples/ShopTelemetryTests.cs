using System.Diagnostics;
using Coordinator.Diagnostics;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The Shop as a process of its own, whose telemetry goes to a collector.</summary>
public sealed class ShopTelemetryTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task With_an_endpoint_the_Shop_sends_the_metrics_and_spans_of_the_page_and_its_logs()
    {
        await using var collector = new OtlpReceiver();
        await RunShopAsync(("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"));

        // Counters and histograms that nothing has happened to yet are not sent: no take-over, refusal, wait, rerun or snapshot in this run.
        string[] mayBeMissing =
        [
            TelemetryNames.TakeOverCount.Name, TelemetryNames.RefusedCount.Name, TelemetryNames.RerunCount.Name, TelemetryNames.SnapshotCount.Name, TelemetryNames.LockWait.Name, TelemetryNames.WoundCount.Name,
        ];
        var page = RepositoryFiles.Table("docs/telemetry.md", "name", "kind", "unit", "labels", "meaning").ToDictionary(
            row => row[0].Trim('`'), row => row[3].Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(label => label.Trim('`')).ToHashSet(StringComparer.Ordinal));
        Assert.Empty(page.Keys.Except(collector.Metrics.Select(metric => metric.Name)).Except(mayBeMissing));
        Assert.All(collector.Metrics.Where(metric => page.ContainsKey(metric.Name)), metric =>
        {
            Assert.True(metric.Points > 0, metric.Name);
            Assert.Subset(page[metric.Name], metric.Labels.ToHashSet(StringComparer.Ordinal));
        });
        Assert.All(
            [TelemetryNames.TransactionCount, TelemetryNames.TransactionDuration, TelemetryNames.PhaseDuration, TelemetryNames.AppendDuration, TelemetryNames.TermCount],
            name => Assert.Contains(collector.Metrics, metric => metric.Name == name.Name && metric.HasValue && metric.Labels.Count >= Math.Min(1, name.Labels.Length)));

        Assert.Empty(RepositoryFiles.Table("docs/telemetry.md", "span", "meaning", "tags").Select(row => row[0].Trim('`')).Except(collector.Spans.Select(span => span.Name)));
        var transactions = collector.Spans.Where(span => span.Name == TelemetryNames.Transaction.Name).Select(span => span.Id).ToHashSet(StringComparer.Ordinal);
        Assert.All(collector.Spans.Where(span => span.Name == TelemetryNames.Participant.Name), span => Assert.Contains(span.Parent, transactions));
        Assert.Contains(collector.Logs, text => text.StartsWith("Coordinating on", StringComparison.Ordinal)); // 1301
    }

    // What is not loaded can't send. A child, because this process has whatever environment the tests were started in.
    [Fact]
    public async Task Without_an_endpoint_no_code_of_OpenTelemetry_is_loaded()
    {
        var loaded = Path.GetTempFileName();
        try
        {
            await RunShopAsync(("DOTNET_STARTUP_HOOKS", typeof(ShopTelemetryTests).Assembly.Location), (StartupHook.FileVariable, loaded));
            var names = await File.ReadAllLinesAsync(loaded);
            Assert.Contains("Shop", names); // or nothing is proved
            Assert.DoesNotContain(names, name => name.StartsWith("OpenTelemetry", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(loaded);
        }
    }

    private static async Task<string> WriteOrdersAsync(DirectoryInfo folder)
    {
        var orders = Path.Combine(folder.FullName, "orders.csv");
        await File.WriteAllLinesAsync(orders, Enumerable.Range(1, 20).Select(number => $"o{number},ann,lamp:1:5.00"));
        return orders;
    }

    private static async Task RunShopAsync(params (string Name, string Value)[] environment)
    {
        var folder = Directory.CreateTempSubdirectory("coordinator-shop-");
        try
        {
            var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Shop.dll"), "run", await WriteOrdersAsync(folder), "--data", folder.FullName])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("OTEL_", StringComparison.Ordinal)).ToList())
            {
                start.Environment.Remove(name);
            }

            foreach (var (name, value) in environment)
            {
                start.Environment[name] = value;
            }

            using var shop = Process.Start(start)!;
            var (output, errors) = (shop.StandardOutput.ReadToEndAsync(), shop.StandardError.ReadToEndAsync());
            await shop.WaitForExitAsync().WaitAsync(s_patience);
            Assert.True(shop.ExitCode == 0, await output + await errors);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
