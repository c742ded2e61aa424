using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Coordinator.PostgreSql.Tests;

/// <summary>Passes everything on, but makes up the session's key, as connection poolers do.</summary>
internal sealed class PoolerInBetween : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _running;

    public PoolerInBetween(int serverPort)
    {
        _listener.Start();
        _running = RunAsync(serverPort);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _running;
        _listener.Dispose();
        _stopped.Dispose();
    }

    private async Task RunAsync(int serverPort)
    {
        var sessions = new List<Task>();
        try
        {
            while (true)
            {
                sessions.Add(PassAsync(await _listener.AcceptTcpClientAsync(_stopped.Token), serverPort));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(sessions);
        }
    }

    private async Task PassAsync(TcpClient client, int serverPort)
    {
        using var server = new TcpClient();
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, serverPort, _stopped.Token);
                await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream(), _stopped.Token), AnswerAsync(server.GetStream(), client.GetStream()));
            }
            catch (Exception error) when (error is IOException or OperationCanceledException or SocketException)
            {
                // One of the two has gone, and so does the other.
            }
        }
    }

    /// <summary>Message by message: a type, a length that counts itself, a content.</summary>
    private async Task AnswerAsync(NetworkStream server, NetworkStream client)
    {
        var header = new byte[5];
        while (true)
        {
            await server.ReadExactlyAsync(header, _stopped.Token);
            var content = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - 4];
            await server.ReadExactlyAsync(content, _stopped.Token);
            if (header[0] == (byte)'K')
            {
                BinaryPrimitives.WriteInt32BigEndian(content, BinaryPrimitives.ReadInt32BigEndian(content) ^ 1);
            }

            await client.WriteAsync(header, _stopped.Token);
            await client.WriteAsync(content, _stopped.Token);
        }
    }
}
