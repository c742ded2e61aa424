using Coordinator.Aggregates;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Hosting;

/// <content>Reads outside transactions, and what they and snapshots may rest on.</content>
internal sealed partial class TransactionEngine : IAggregates
{
    /// <summary>A snapshot is being taken, or waits to be.</summary>
    public bool IsTakingSnapshots => !_snapshots.IsIdle;

    public async ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T>
    {
        var found = await ReadLastAsync(AggregateTypes.StreamOf<T>(id), Aggregates.KindOf<T>(), cancellation).ConfigureAwait(false);
        return new AggregateView<T>((T)found.At.State!, found.At.Version) { IsInDoubt = found.IsInDoubt };
    }

    public async ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class
    {
        var name = new StreamName(stream);
        Aggregates.EnsurePlain(name);
        var found = await ReadLastAsync(name, Aggregates.ValueOf<T>(), cancellation).ConfigureAwait(false);
        return new StateView<T>((T?)found.At.State, found.At.Version) { IsInDoubt = found.IsInDoubt };
    }

    public async ValueTask<AggregateView<T>> ReadAsOfAsync<T>(string id, long version, CancellationToken cancellation = default)
        where T : class, IAggregate<T>
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        var reading = NewReader<T>(id);
        reading.VersionMax = version;
        var at = await reading.ToEndAsync(Aggregates.KindOf<T>().Shape.Initial, cancellation).ConfigureAwait(false);
        return at.Version == version
            ? new AggregateView<T>((T)at.State!, at.Version)
            : throw new ArgumentOutOfRangeException(nameof(version), version, $"'{AggregateTypes.StreamOf<T>(id)}' has {at.Version} versions so far.");
    }

    public async ValueTask<AggregateView<T>> ReadAsOfAsync<T>(string id, DateTimeOffset instant, CancellationToken cancellation = default)
        where T : class, IAggregate<T>
    {
        var reading = NewReader<T>(id);
        reading.WrittenMax = (instant - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        await reading.ToEndAsync(Aggregates.KindOf<T>().Shape.Initial, cancellation).ConfigureAwait(false);
        return new AggregateView<T>((T)reading.LastWritten.State!, reading.LastWritten.Version);
    }

    private async ValueTask<FoundState> ReadLastAsync(StreamName stream, StateKind kind, CancellationToken cancellation)
    {
        EnsureReadable();

        // In this order: whoever finds the participants of a term that has ended finds its shard stopped, and keeps nothing as current.
        var participants = Participants;
        var epoch = !IsClustered && ShardOf(0) is { IsStopped: false, IsBroken: false } shard ? shard.Epoch : 0;
        var found = await participants.ReadAsync(stream, kind, epoch, IsKnownDurable, cancellation).ConfigureAwait(false);

        // An answer of the store that took long may come to an activation that was dropped, while another has taken its place and does not
        // know yet of what was found.
        while (found.IsFromStore && !Participants.TryRemember(stream, kind, found.At))
        {
        }

        return found;
    }

    private StateReader NewReader<T>(string id)
        where T : class, IAggregate<T>
    {
        EnsureReadable();
        return new StateReader(AggregateTypes.StreamOf<T>(id), Aggregates.KindOf<T>().Shape, _seams.Store, IsKnownDurable);
    }

    private void EnsureReadable()
    {
        if (!_isOpen || Volatile.Read(ref _stopping))
        {
            throw new TransactionRefusedException(default, Volatile.Read(ref _stopping)
                ? "The host is stopping: nothing is read any more."
                : "The host has not opened the log: await its StartAsync first. On SQLite it opens the file when the owner has gone." + _failure);
        }
    }

    private SnapshotKeeper NewSnapshotKeeper() => Aggregates.Keeper = new SnapshotKeeper(
        _seams.Store, _seams.Snapshots ?? _seams.Store.Snapshots, _seams.Time, _clock, Dispatcher, IsKnownDurable, Options.SnapshotBytesMax, Telemetry, _logger);

    /// <summary>
    /// False for a row of this host's own group that the store shows and has not acknowledged yet: it may still turn out not to be in the
    /// log (decision 0004). What other owners wrote is shown by a store that hosts share only when it is durable; where others take rows of this host for that,
    /// it does so itself, or it would know less than they tell it.
    /// </summary>
    private bool IsKnownDurable(LogRow row) =>
        IsClustered
        || ShardOf(row.Position.Shard)?.Lane.Ownership is not { } owned
        || row.Position.Position < (ulong)owned.NextVersion
        || row.Transaction.Epoch > (ulong)owned.Epoch;
}
