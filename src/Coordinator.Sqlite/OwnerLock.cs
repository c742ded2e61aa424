using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Coordinator.Sqlite;

/// <summary>
/// The exclusive lock on a side file that makes one process the owner of a database. It belongs to the open file and falls
/// with the process, however that dies, so a take-over needs no heartbeat. The file is never deleted: a process that had
/// opened the deleted one would own a lock that nobody else sees.
/// </summary>
internal sealed partial class OwnerLock : IDisposable
{
    // flock on Unix, which is what FileShare.None takes there; on Windows readers may still see who the owner is.
    private static readonly FileShare Exclusive = OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None;

    private readonly SafeFileHandle _handle;

    private OwnerLock(SafeFileHandle handle) => _handle = handle;

    /// <summary>The side file of a database.</summary>
    public static string PathOf(string database) => database + "-owner";

    /// <summary>Takes the lock, or null if somebody else has it.</summary>
    /// <exception cref="LogStoreException">The file system does not keep locks apart.</exception>
    public static OwnerLock? TryTake(string database, DateTimeOffset now)
    {
        var path = PathOf(database);
        if (TryOpen(path) is not { } handle)
        {
            return null;
        }

        // Some file systems (and a switch of .NET) take every lock and hold none: a second one must be refused.
        if (TryOpen(path) is { } second)
        {
            second.Dispose();
            handle.Dispose();
            throw new LogStoreException(
                $"Locks on '{path}' do not exclude each other: the file system ignores them, or DOTNET_SYSTEM_IO_DISABLEFILELOCKING is set. Put the database on a local disk.");
        }

        var owner = new OwnerLock(handle);
        owner.Sign(now);
        return owner;
    }

    /// <summary>Who says to be the owner, for messages only; null if it can't be read.</summary>
    public static string? ReadOwner(string database)
    {
        try
        {
            using var handle = OpenUnlocked(PathOf(database));
            Span<byte> bytes = stackalloc byte[512];
            var length = RandomAccess.Read(handle, bytes, 0);
            var text = Encoding.UTF8.GetString(bytes[..length]);
            return text.IndexOf('\n', StringComparison.Ordinal) is var end and > 0 ? text[..end] : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => _handle.Dispose();

    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, Exclusive);
        }
        catch (IOException error) when (IsHeld(error))
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LogStoreException($"The owner's lock '{path}' can't be taken: {error.Message} Give this process write access to the folder, or choose another.", error);
        }
    }

    /// <summary>
    /// EWOULDBLOCK of Linux and of macOS, and the sharing violation of Windows. Everything else (no space, no descriptors)
    /// is an error of its own: waiting would not end it.
    /// </summary>
    private static bool IsHeld(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);

    private void Sign(DateTimeOffset now)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"pid {Environment.ProcessId} on {Environment.MachineName} since {now:yyyy-MM-ddTHH:mm:ssZ}\n");
        RandomAccess.Write(_handle, Encoding.UTF8.GetBytes(text), 0);
        RandomAccess.SetLength(_handle, Encoding.UTF8.GetByteCount(text));
    }

    /// <summary>Opens without a lock: .NET takes a shared one for every open on Unix, which the owner's excludes.</summary>
    private static SafeFileHandle OpenUnlocked(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        }

        const int readOnly = 0;
        var descriptor = Open(Encoding.UTF8.GetBytes(path + '\0'), readOnly);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new IOException($"'{path}' can't be opened.");
    }

    [DllImport("libc", EntryPoint = "open")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);
}
