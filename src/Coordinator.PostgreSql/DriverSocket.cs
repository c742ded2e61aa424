using System.Net.Sockets;
using System.Reflection;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>
/// The socket of a connection. The driver has no way to end a call that another thread is stuck in without sending something and waiting
/// for an answer. Where its insides are others, there is no socket: a stuck thread is then let go by the system's keepalives.
/// </summary>
internal static class DriverSocket
{
    private const BindingFlags Inside = BindingFlags.Instance | BindingFlags.NonPublic;

    private static readonly PropertyInfo? Connector = typeof(NpgsqlConnection).GetProperty("Connector", Inside);
    private static readonly FieldInfo? SocketField = Connector?.PropertyType.GetField("_socket", Inside);

    /// <summary>The socket of an open connection, or null.</summary>
    public static Socket? Of(NpgsqlConnection connection) =>
        Connector?.GetValue(connection) is { } connector ? SocketField?.GetValue(connector) as Socket : null;

    /// <summary>
    /// Lets the system give the connection up if what was sent is not acknowledged for ten seconds: keepalives only watch a connection
    /// on which nothing is under way.
    /// </summary>
    public static void LimitSilence(NpgsqlConnection connection)
    {
        const int tcp = 6;
        const int userTimeout = 18;
        if (OperatingSystem.IsLinux() && Of(connection) is { AddressFamily: AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 } socket)
        {
            socket.SetRawSocketOption(tcp, userTimeout, BitConverter.GetBytes(10_000));
        }
    }
}
