using Coordinator.Protocol;

namespace Coordinator;

/// <summary>A log store can't be used as it is; the message says why and what to do.</summary>
public sealed class LogStoreException : Exception
{
    internal LogStoreException(string message)
        : base(message)
    {
    }

    internal LogStoreException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>A row of the log can't be read as what it was written as; it is never taken for absent.</summary>
public sealed class LogCorruptException : Exception
{
    internal LogCorruptException(StreamName stream, long version, string fault)
        : base($"Row {version} of stream '{stream}' can't be trusted: {fault}. It is never read as absent; restore it or decide by hand.")
    {
        Stream = stream;
        Version = version;
    }

    /// <summary>The stream that can't be read past this row.</summary>
    public StreamName Stream { get; }

    /// <summary>Version of the row.</summary>
    public long Version { get; }
}
