using System.Globalization;
using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// The log lacks a row that it had when a snapshot was taken: it has lost rows, or was restored and nobody declared it (rule D-3). The
/// stream is not loaded; others go on.
/// </summary>
public sealed class LogBehindSnapshotException : Exception
{
    internal LogBehindSnapshotException(StreamName stream, long version, byte generation)
        : base(string.Create(
            CultureInfo.InvariantCulture,
            $"The snapshot of stream '{stream}' was taken behind its row {version}, in generation {generation} of this log, and that row is not there: the log has lost rows, or was restored from a backup without saying so. Stop all hosts. If rows can be brought back, do so. If the log was restored or the rows are lost for good, start with {nameof(CoordinatorOptions)}.{nameof(CoordinatorOptions.RestoredAsGeneration)} greater than {generation} and than every generation it ever had: ids of before are then held and not presumed aborted, and the snapshot is no longer used."))
    {
        Stream = stream;
        Version = version;
    }

    /// <summary>The stream that is not loaded.</summary>
    public StreamName Stream { get; }

    /// <summary>Version of the row that is missing, or is another than it was.</summary>
    public long Version { get; }
}
