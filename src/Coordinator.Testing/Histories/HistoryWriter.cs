using System.Text;

namespace Coordinator.Testing.Histories;

/// <summary>
/// Writes down what clients do as they do it, in the form of <see cref="HistoryText"/>. What it has written outlives the process, however
/// it ends: every line goes to the operating system before the call returns. May be used by several threads.
/// </summary>
public sealed class HistoryWriter : IDisposable
{
    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();

    /// <param name="stream">Written to and flushed line by line; owned by the writer from now on.</param>
    /// <param name="time">
    /// Where the times come from: its timestamps must be comparable with those of every other process that writes to the same history, as
    /// those of <see cref="TimeProvider.System"/> are on one machine until it is booted again.
    /// </param>
    public HistoryWriter(Stream stream, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(time);
        _stream = stream;
        _time = time;
    }

    /// <summary>Goes on with a file, or begins it. A last line that a kill has cut off is taken away: it was never written.</summary>
    /// <remarks>One process at a time.</remarks>
    public static HistoryWriter Append(string file, TimeProvider time)
    {
        // Without a buffer of its own: what is written must be with the operating system.
        var stream = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            stream.SetLength(EndOfLastLine(stream));
            stream.Seek(0, SeekOrigin.End);
            return new HistoryWriter(stream, time);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>A client is about to begin a transaction.</summary>
    /// <param name="process">The client.</param>
    /// <param name="intended">What it will do; reads have no results yet.</param>
    public void Begin(string process, params IEnumerable<MicroOperation> intended) =>
        Write(HistoryText.BeginLine(process, _time.GetTimestamp(), intended));

    /// <summary>The client knows what became of its transaction, or will never know.</summary>
    /// <param name="process">The client.</param>
    /// <param name="outcome">What it knows.</param>
    /// <param name="done">What the transaction did.</param>
    public void End(string process, RecordedOutcome outcome, params IEnumerable<MicroOperation> done) =>
        Write(HistoryText.EndLine(process, outcome, _time.GetTimestamp(), done));

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private void Write(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line + "\n");
        lock (_gate)
        {
            _stream.Write(bytes);
            _stream.Flush();
        }
    }

    private static long EndOfLastLine(FileStream stream)
    {
        for (var end = stream.Length; end > 0; end--)
        {
            stream.Position = end - 1;
            if (stream.ReadByte() == '\n')
            {
                return end;
            }
        }

        return 0;
    }
}
