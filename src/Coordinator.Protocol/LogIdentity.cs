namespace Coordinator.Protocol;

/// <summary>
/// Which log this is (design rule D-3): two deployments may share a database server, and a restored backup must not
/// repeat the epochs of the log it was taken from.
/// </summary>
/// <param name="LogId">48 random bits, drawn once when the log is created.</param>
/// <param name="Generation">1 at creation; raised by a restore, so that ids of before and after differ.</param>
internal readonly record struct LogIdentity(ulong LogId, byte Generation)
{
    internal const int LogIdBits = 48;

    /// <summary>The identity as operators see it: twelve hexadecimal digits, a dash, the generation.</summary>
    public override string ToString() => $"{LogId:x12}-{Generation:x2}";
}
