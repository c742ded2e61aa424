using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Coordinator.Orleans.Links;

/// <summary>A silo as a host of the log.</summary>
internal static class SiloHosts
{
    /// <summary>
    /// The number that a silo has for the engine: the same on every silo, another after each restart of it, for its address names
    /// its generation. Never 0, which stands for nobody.
    /// </summary>
    public static ulong HostOf(SiloAddress silo)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(silo.ToParsableString()), hash);
        var host = BinaryPrimitives.ReadUInt64BigEndian(hash);
        return host == 0 ? 1 : host;
    }
}
