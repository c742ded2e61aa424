using System.Collections.Concurrent;
using System.Data.Common;

namespace Coordinator.AdoNet;

/// <summary>
/// Connections that only read. On SQLite one more, the anchor, stays open as long as the store: it keeps the index of the
/// write-ahead log alive while the writer is replaced, so that frames whose sync failed are written again and not taken from a
/// cache that the disk never saw.
/// </summary>
internal sealed class ReaderPool(LogDialect dialect) : IDisposable
{
    private readonly ConcurrentStack<Reader> _idle = new();
    private readonly SemaphoreSlim _free = new(dialect.ReadersMax);
    private DbConnection? _anchor;
    private bool _disposed;

    /// <summary>Opens the anchor where there is one, before the first write; elsewhere a first reader, to see that reads work.</summary>
    public void Open()
    {
        if (dialect.AnchorsReaders)
        {
            _anchor ??= dialect.OpenReader();
        }
        else
        {
            _idle.Push(new Reader(dialect.OpenReader()));
        }
    }

    /// <summary>
    /// An idle reader or a new one; waits while as many are out as there may be. It comes back through <see cref="Return"/>, or after an error through
    /// <see cref="GiveUp"/>.
    /// </summary>
    public async ValueTask<Reader> RentAsync(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await _free.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _idle.TryPop(out var reader) ? reader : new Reader(dialect.OpenReader());
        }
        catch
        {
            _free.Release();
            throw;
        }
    }

    /// <summary>Takes back a reader whose last command ended well.</summary>
    public void Return(Reader reader)
    {
        if (_disposed)
        {
            reader.Dispose();
        }
        else
        {
            _idle.Push(reader);
        }

        _free.Release();
    }

    /// <summary>Closes a reader whose last command was cancelled or failed: it may be in any state. And all that are idle, for one that fails is seldom alone.</summary>
    public void GiveUp(Reader reader)
    {
        reader.Dispose();
        Clear();
        _free.Release();
    }

    private void Clear()
    {
        while (_idle.TryPop(out var reader))
        {
            reader.Dispose();
        }
    }

    /// <summary>Closes all idle readers and the anchor.</summary>
    public void Dispose()
    {
        _disposed = true;
        Clear();
        _anchor?.Dispose();
        _anchor = null;
    }

    /// <summary>A connection with its prepared commands.</summary>
    internal sealed class Reader(DbConnection connection) : IDisposable
    {
        private readonly Dictionary<string, DbCommand> _commands = [];

        /// <summary>The prepared command of this text, its parameters set in the order given.</summary>
        public DbCommand Command(string text, params ReadOnlySpan<(string Name, object Value)> parameters)
        {
            if (!_commands.TryGetValue(text, out var command))
            {
                command = connection.CreateCommand();
                command.CommandText = text;
                foreach (var (name, value) in parameters)
                {
                    LogDialect.Parameter(command, name, value);
                }

                command.Prepare();
                _commands.Add(text, command);
                return command;
            }

            for (var i = 0; i < parameters.Length; i++)
            {
                command.Parameters[i].Value = parameters[i].Value;
            }

            return command;
        }

        public void Dispose()
        {
            foreach (var command in _commands.Values)
            {
                command.Dispose();
            }

            connection.Dispose();
        }
    }
}
