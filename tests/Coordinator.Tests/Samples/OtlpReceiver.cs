using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Coordinator.Tests;

/// <summary>A span that came.</summary>
internal sealed record ReceivedSpan(string Name, string Id, string Parent);

/// <summary>Points of a metric that came: how many, whether one had a value other than zero, and the keys of their labels.</summary>
internal sealed record ReceivedMetric(string Name, int Points, bool HasValue, IReadOnlySet<string> Labels);

/// <summary>A collector that takes OTLP over HTTP and keeps what came. It understands just enough of the messages for that.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _connections = [];
    private readonly List<ReceivedMetric> _metrics = [];
    private readonly List<ReceivedSpan> _spans = [];
    private readonly List<string> _logs = [];
    private readonly Task _accepting;

    public OtlpReceiver()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Endpoint => $"http://{_listener.LocalEndpoint}";

    public IReadOnlyList<ReceivedMetric> Metrics => _metrics;

    public IReadOnlyList<ReceivedSpan> Spans => _spans;

    /// <summary>The texts of log records.</summary>
    public IReadOnlyList<string> Logs => _logs;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                var stream = client.GetStream();
                while (await ReadHeadAsync(stream) is { } head)
                {
                    var body = new byte[LengthOf(head)];
                    await stream.ReadExactlyAsync(body, _stop.Token);
                    Take(head.Split(' ')[1], body);
                    await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), _stop.Token);
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // Disposed, or the sender has gone.
        }
    }

    /// <summary>The request line and the headers; null at the end of the connection.</summary>
    private async Task<string?> ReadHeadAsync(NetworkStream stream)
    {
        var (head, one) = (new StringBuilder(), new byte[1]);
        while (await stream.ReadAsync(one, _stop.Token) == 1)
        {
            head.Append((char)one[0]);
            if (one[0] == '\n' && head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                return head.ToString();
            }
        }

        return null;
    }

    private static int LengthOf(string head)
    {
        const string Name = "content-length:";
        var line = head.Split("\r\n").Single(line => line.StartsWith(Name, StringComparison.OrdinalIgnoreCase));
        return int.Parse(line[Name.Length..]);
    }

    private void Take(string path, byte[] body)
    {
        lock (_gate)
        {
            switch (path)
            {
                case "/v1/metrics":
                    // resource_metrics, scope_metrics, metrics
                    _metrics.AddRange(At(body, 1, 2, 2).Select(MetricOf));
                    break;
                case "/v1/traces":
                    // resource_spans, scope_spans, spans: name, span_id, parent_span_id
                    _spans.AddRange(At(body, 1, 2, 2).Select(span => new ReceivedSpan(TextAt(span, 5), HexAt(span, 2), HexAt(span, 4))));
                    break;
                case "/v1/logs":
                    // resource_logs, scope_logs, log_records: body as a text
                    _logs.AddRange(At(body, 1, 2, 2).Select(record => TextAt(record, 5, 1)));
                    break;
            }
        }
    }

    private static ReceivedMetric MetricOf(ReadOnlyMemory<byte> metric)
    {
        // data_points of a gauge and of a sum: as_double, as_int, attributes; of a histogram: count, sum, attributes
        var numbers = At(metric, 5, 1).Concat(At(metric, 7, 1)).ToList();
        var histograms = At(metric, 9, 1).ToList();
        var values = numbers.SelectMany(point => At(point, 4).Concat(At(point, 6))).Concat(histograms.SelectMany(point => At(point, 4)));
        var labels = numbers.SelectMany(point => At(point, 7, 1)).Concat(histograms.SelectMany(point => At(point, 9, 1)));
        return new ReceivedMetric(
            TextAt(metric, 1),
            numbers.Count + histograms.Count,
            values.Any(value => value.Span.ContainsAnyExcept((byte)0)),
            labels.Select(key => Encoding.UTF8.GetString(key.Span)).ToHashSet(StringComparer.Ordinal));
    }

    private static string TextAt(ReadOnlyMemory<byte> message, params int[] path) => Encoding.UTF8.GetString(At(message, path).FirstOrDefault().Span);

    private static string HexAt(ReadOnlyMemory<byte> message, params int[] path) => Convert.ToHexString(At(message, path).FirstOrDefault().Span);

    /// <summary>The contents of all fields that are reached by these field numbers, each inside the one before.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> At(ReadOnlyMemory<byte> message, params int[] path) => path.Aggregate(
        (IEnumerable<ReadOnlyMemory<byte>>)[message],
        static (messages, field) => messages.SelectMany(inner => Fields(inner).Where(found => found.Number == field).Select(found => found.Content)));

    /// <summary>The fields of a protobuf message that are texts, messages, or numbers of eight bytes.</summary>
    private static IEnumerable<(int Number, ReadOnlyMemory<byte> Content)> Fields(ReadOnlyMemory<byte> message)
    {
        for (var rest = message; rest.Length > 0;)
        {
            var key = Varint(ref rest);
            switch (key & 7)
            {
                case 0:
                    Varint(ref rest);
                    break;
                case 1:
                    yield return ((int)(key >> 3), rest[..sizeof(ulong)]);
                    rest = rest[sizeof(ulong)..];
                    break;
                case 5:
                    rest = rest[sizeof(uint)..];
                    break;
                default:
                    var length = (int)Varint(ref rest);
                    yield return ((int)(key >> 3), rest[..length]);
                    rest = rest[length..];
                    break;
            }
        }
    }

    private static ulong Varint(ref ReadOnlyMemory<byte> rest)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var next = rest.Span[0];
            rest = rest[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
