using System.Collections.Concurrent;
using System.Text.Json;
using Coordinator.Protocol;

namespace Coordinator
{
    /// <summary>
    /// Makes bytes of an aggregate's state and a state of the bytes. What it makes of the bytes must be equal, to Apply and to every reader, to
    /// the state that they were made of.
    /// </summary>
    /// <typeparam name="T">The state.</typeparam>
    public interface ISnapshotSerializer<T>
        where T : class, IAggregate<T>
    {
        /// <summary>The bytes of a state. Called beside transactions, on any thread.</summary>
        byte[] Serialize(T state);

        /// <summary>The state of the bytes. If it throws, the events are folded instead.</summary>
        T Deserialize(ReadOnlySpan<byte> payload);
    }
}

namespace Coordinator.Aggregates
{
    /// <summary>Which aggregates are kept in snapshots, and how: those that were registered, and no others.</summary>
    internal sealed class SnapshotTypes(EventTypes events)
    {
        private const int NameLengthMax = 100;

        private readonly ConcurrentDictionary<Type, SnapshotType> _byType = new();

        /// <summary>Registers an aggregate.</summary>
        /// <exception cref="ArgumentException">The name or version is none, or is taken.</exception>
        public void Add<T>(string name, int version, int every, ISnapshotSerializer<T>? serializer)
            where T : class, IAggregate<T>
        {
            ArgumentNullException.ThrowIfNull(name);
            if (name.Length > NameLengthMax || !StreamName.TryCreate(name, out _))
            {
                throw new ArgumentException($"'{name}' is no name of a state: 1 to {NameLengthMax} printable ASCII characters without blanks.", nameof(name));
            }

            ArgumentOutOfRangeException.ThrowIfLessThan(version, 1);
            ArgumentOutOfRangeException.ThrowIfLessThan(every, 1);
            serializer ??= new JsonSnapshots<T>(events);
            var added = new SnapshotType(name, version, every, state => serializer.Serialize((T)state), payload => serializer.Deserialize(payload.Span));
            var other = _byType.FirstOrDefault(one => one.Key != typeof(T) && one.Value.Name == name);
            if (other.Key is not null || !_byType.TryAdd(typeof(T), added))
            {
                throw new ArgumentException($"{typeof(T)} can't be '{name}': {other.Key?.ToString() ?? "it has its snapshots"} already.", nameof(name));
            }
        }

        public IEnumerable<Type> Types => _byType.Keys;

        /// <summary>How an aggregate is kept, or null if it isn't.</summary>
        public SnapshotType? Find(Type state) => _byType.GetValueOrDefault(state);

        private sealed class JsonSnapshots<T>(EventTypes events) : ISnapshotSerializer<T>
            where T : class, IAggregate<T>
        {
            private readonly System.Text.Json.Serialization.Metadata.JsonTypeInfo _json = events.Json.GetTypeInfo(typeof(T));

            public byte[] Serialize(T state) => JsonSerializer.SerializeToUtf8Bytes(state, _json);

            public T Deserialize(ReadOnlySpan<byte> payload) =>
                (T?)JsonSerializer.Deserialize(payload, _json) ?? throw new JsonException("The snapshot holds null.");
        }
    }

    /// <summary>How the snapshots of one type of state are made.</summary>
    /// <param name="Name">Declared name, stored.</param>
    /// <param name="Version">Declared version, stored: another one is not read.</param>
    /// <param name="Every">After how many events beyond the last one.</param>
    /// <param name="Serialize">Bytes of a state.</param>
    /// <param name="Deserialize">A state of bytes.</param>
    internal sealed record SnapshotType(string Name, int Version, int Every, Func<object, byte[]> Serialize, Func<ReadOnlyMemory<byte>, object> Deserialize)
    {
        private volatile bool _isProven;
        private int _doubted;

        /// <summary>
        /// The bytes of a state, or null if what would be read back is not the same: the first state is read back and written again.
        /// It finds what can't be read, and what is written and not read; what is never written it can't find.
        /// </summary>
        public byte[]? TrySerialize(object state)
        {
            var payload = Serialize(state);
            _isProven = _isProven || payload.AsSpan().SequenceEqual(Serialize(Deserialize(payload)));
            return _isProven ? payload : null;
        }

        /// <summary>True once: for the one warning that a type is worth.</summary>
        public bool IsFirstDoubt() => Interlocked.Exchange(ref _doubted, 1) == 0;
    }
}
