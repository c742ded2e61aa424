using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Tests;

/// <summary>A store that counts, can hold a write or a read until released, and can answer by script.</summary>
internal sealed class TestStore(ILogStore inner) : ILogStore, IHostBeats, ISnapshotStore
{
    private readonly List<RowGroup> _late = [];
    private TaskCompletionSource<bool>? _held;
    private TaskCompletionSource? _heldSnapshot;
    private readonly List<TaskCompletionSource> _heldReads = []; // one each: the runtime may spread the waiters of one over threads

    public string Description => inner.Description;

    public IHostBeats? Beats => inner.Beats is null || HasNoBeats ? null : this;

    /// <summary>As a store that a lock of its own keeps for one host.</summary>
    public bool HasNoBeats { get; set; }

    public ISnapshotStore? Snapshots => inner.Snapshots is null ? null : this;

    public ILogRemoval Removal => FailsRemoval ? throw new IOException("no removal today") : inner.Removal;

    /// <summary>Nothing can be removed.</summary>
    public bool FailsRemoval { get; set; }

    /// <summary>This host's beats are not taken.</summary>
    public bool LosesBeats { get; set; }

    /// <summary>Every group that was sent.</summary>
    public List<RowGroup> Sent { get; } = [];

    /// <summary>Writes wait until <see cref="Release"/> or until given up.</summary>
    public bool HoldsAppends { get; set; }

    /// <summary>Giving up one write does not let the next one through.</summary>
    public bool KeepsHolding { get; set; }

    /// <summary>Reads of streams wait until <see cref="ReleaseRead"/>.</summary>
    public bool HoldsReads { get; set; }

    /// <summary>What such reads have found is told when <see cref="ReleaseRead"/> says so.</summary>
    public bool HoldsReadAnswers { get; set; }

    /// <summary>Writes are carried out, and answered when the test says so.</summary>
    public TaskCompletionSource? AnswerOfAppends { get; set; }

    /// <summary>A given-up write is kept, and lands when <see cref="LandLate"/> says so.</summary>
    public bool LandsLate { get; set; }

    /// <summary>Answers a group without writing it; null goes on to the inner store.</summary>
    public Func<RowGroup, GroupAnswer?>? Script { get; set; }

    /// <summary>Throws for a read, if it wants to.</summary>
    public Action<StreamName>? BeforeRead { get; set; }

    /// <summary>Told the first version of every read of a shard.</summary>
    public Action<long>? BeforeShardRead { get; set; }

    /// <summary>A look at the shard's end waits for it, or throws what it throws.</summary>
    public Func<Task> BeforeLook { get; set; } = static () => Task.CompletedTask;

    /// <summary>What a look at the shard's end, or for a decision, has found is told when this is over.</summary>
    public Func<Task> AfterLook { get; set; } = static () => Task.CompletedTask;

    /// <summary>Looks at the shard's end.</summary>
    public int LookCount { get; private set; }

    public bool IsHolding => _held is not null;

    public bool IsHoldingRead => _heldReads.Count > 0;

    public bool IsDisposed { get; private set; }

    public void Release()
    {
        HoldsAppends = false;
        Interlocked.Exchange(ref _held, null)?.TrySetResult(true);
    }

    public void ReleaseRead()
    {
        HoldsReads = false;
        var held = _heldReads.ToList();
        _heldReads.Clear();
        held.ForEach(read => read.TrySetResult());
    }

    /// <summary>The kept writes run now: the store decides by their checks, nobody is told.</summary>
    public async Task LandLate()
    {
        foreach (var group in _late)
        {
            await inner.AppendAsync(group);
        }

        _late.Clear();
    }

    /// <summary>Opening waits for it.</summary>
    public Task BeforeOpen { get; set; } = Task.CompletedTask;

    public async ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation)
    {
        await BeforeOpen.WaitAsync(cancellation).ConfigureAwait(false);
        return await inner.OpenAsync(proposed, cancellation).ConfigureAwait(false);
    }

    public async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        Sent.Add(group);
        if (Script?.Invoke(group) is { } answer)
        {
            return answer;
        }

        if (HoldsAppends)
        {
            var held = _held = new TaskCompletionSource<bool>();
            if (!await held.Task.ConfigureAwait(false))
            {
                if (LandsLate)
                {
                    _late.Add(group);
                }

                return new GroupAnswer(GroupAnswerKind.Unclear, new TimeoutException("given up"));
            }
        }

        var written = await inner.AppendAsync(group).ConfigureAwait(false);
        await (AnswerOfAppends?.Task ?? Task.CompletedTask).ConfigureAwait(false);
        return written;
    }

    public void AbandonAppend()
    {
        if (Interlocked.Exchange(ref _held, null) is { } held)
        {
            HoldsAppends = KeepsHolding;
            held.TrySetResult(false);
        }

        inner.AbandonAppend();
    }

    /// <summary>Told of every claim.</summary>
    public Action? BeforeClaim { get; set; }

    public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        BeforeClaim?.Invoke();
        return inner.ClaimAsync(claim);
    }

    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
    {
        foreach (var key in keys)
        {
            BeforeRead?.Invoke(key.Stream);
        }

        return inner.InspectAsync(keys, cancellation);
    }

    public async ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
    {
        BeforeRead?.Invoke(stream);
        if (LogStreams.IsShard(stream))
        {
            BeforeShardRead?.Invoke(fromVersion);
        }

        await HoldReadAsync(cancellation).ConfigureAwait(false);
        var rows = await inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation).ConfigureAwait(false);
        RowsRead += rows.Length;
        if (HoldsReadAnswers)
        {
            var held = new TaskCompletionSource();
            _heldReads.Add(held);
            await held.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }

        return rows;
    }

    private async ValueTask HoldReadAsync(CancellationToken cancellation)
    {
        if (HoldsReads)
        {
            var held = new TaskCompletionSource();
            _heldReads.Add(held);
            await held.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    public async ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation)
    {
        BeforeRead?.Invoke(stream);
        RowsRead++;
        await HoldReadAsync(cancellation).ConfigureAwait(false);
        return await inner.ReadLastAsync(stream, cancellation).ConfigureAwait(false);
    }

    /// <summary>How many rows were read of streams.</summary>
    public int RowsRead { get; set; }

    /// <summary>Every snapshot that was written.</summary>
    public List<Snapshot> SnapshotsWritten { get; } = [];

    /// <summary>Throws for a write of a snapshot, if it wants to.</summary>
    public Action<Snapshot>? BeforeSnapshotWrite { get; set; }

    /// <summary>Throws for a read of a snapshot, if it wants to.</summary>
    public Action<StreamName>? BeforeSnapshotRead { get; set; }

    public ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        BeforeSnapshotRead?.Invoke(stream);
        return inner.Snapshots!.ReadSnapshotAsync(stream, cancellation);
    }

    /// <summary>Writes of snapshots wait until <see cref="ReleaseSnapshots"/>.</summary>
    public bool HoldsSnapshots { get; set; }

    public void ReleaseSnapshots()
    {
        HoldsSnapshots = false;
        _heldSnapshot?.TrySetResult();
    }

    public async ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
    {
        BeforeSnapshotWrite?.Invoke(snapshot);
        if (HoldsSnapshots)
        {
            _heldSnapshot = new TaskCompletionSource();
            await _heldSnapshot.Task.ConfigureAwait(false);
        }

        SnapshotsWritten.Add(snapshot);
        await inner.Snapshots!.WriteSnapshotAsync(snapshot, cancellation).ConfigureAwait(false);
    }

    public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) => inner.Snapshots!.DeleteSnapshotAsync(stream, cancellation);

    /// <summary>Told of every beat.</summary>
    public Action? BeforeBeat { get; set; }

    public ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation)
    {
        BeforeBeat?.Invoke();
        return LosesBeats ? throw new TimeoutException("beat lost") : inner.Beats!.BeatAsync(beat, cancellation);
    }

    public ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation) => inner.Beats!.ReadBeatsAsync(cancellation);

    public ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) => inner.Beats!.ForgetBeatAsync(host, cancellation);

    public async ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation)
    {
        LookCount++;
        await BeforeLook();
        var end = await inner.ReadShardEndAsync(shard, cancellation);
        await AfterLook();
        return end;
    }

    public async ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation)
    {
        var decision = await inner.FindDecisionAsync(transaction, cancellation);
        await AfterLook();
        return decision;
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }
}
