using System.Globalization;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>
/// What the driver knows and does not show. It has no way to end a call that another thread is stuck in without sending something and waiting
/// for an answer: that takes its socket. Where its insides are others, nothing is told: a stuck thread is then let go by the system's keepalives,
/// and no write counts as committed for what the server said of its session.
/// </summary>
internal static class DriverInsides
{
    private const BindingFlags Inside = BindingFlags.Instance | BindingFlags.NonPublic;

    private static readonly PropertyInfo? Connector = typeof(NpgsqlConnection).GetProperty("Connector", Inside);
    private static readonly FieldInfo? SocketField = Connector?.PropertyType.GetField("_socket", Inside);
    private static readonly PropertyInfo? StatusProperty = Connector?.PropertyType.GetProperty("TransactionStatus", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    /// <summary>The socket of an open connection, or null.</summary>
    public static Socket? SocketOf(NpgsqlConnection connection) =>
        Connector?.GetValue(connection) is { } connector ? SocketField?.GetValue(connector) as Socket : null;

    /// <summary>
    /// What the server said of the session at the end of its last answer: true, that no transaction is open; false, that one is; null if that
    /// can't be told.
    /// </summary>
    public static bool? IsOutsideTransaction(NpgsqlConnection connection) =>
        Connector?.GetValue(connection) is { } connector && StatusProperty?.GetValue(connector) is Enum status
            ? Convert.ToByte(status, CultureInfo.InvariantCulture) is (byte)'I'
            : null;

    /// <summary>
    /// Lets the one thread that uses a connection wait for answers in the system itself. The driver leaves its socket non-blocking, and the runtime then waits with a
    /// thread of its own, which wakes the one that asked: a change of thread more for each trip. Closing the socket still ends the wait.
    /// </summary>
    public static void WaitInSystem(NpgsqlConnection connection)
    {
        const int getFlags = 3;
        const int setFlags = 4;
        const int nonBlocking = 0x800;
        if (OperatingSystem.IsLinux() && SocketOf(connection) is { } socket)
        {
            var flags = ControlDescriptor(socket.SafeHandle, getFlags, 0);
            if (flags >= 0)
            {
                _ = ControlDescriptor(socket.SafeHandle, setFlags, flags & ~nonBlocking); // refused, it is only slower
            }
        }
    }

    /// <summary>
    /// Lets the system give the connection up if what was sent is not acknowledged for ten seconds: keepalives only watch a connection
    /// on which nothing is under way.
    /// </summary>
    public static void LimitSilence(NpgsqlConnection connection)
    {
        const int tcp = 6;
        const int userTimeout = 18;
        if (OperatingSystem.IsLinux() && SocketOf(connection) is { AddressFamily: AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 } socket)
        {
            socket.SetRawSocketOption(tcp, userTimeout, BitConverter.GetBytes(10_000));
        }
    }

    [DllImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ControlDescriptor(SafeHandle descriptor, int command, int argument);
}
