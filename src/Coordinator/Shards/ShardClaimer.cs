using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Shards;

/// <summary>A shard that was claimed and whose rows are still to be replayed.</summary>
/// <param name="Shard">Which.</param>
/// <param name="Ownership">The claim.</param>
/// <param name="Seed">For the next row's checksum.</param>
/// <param name="Checkpoint">Version of a checkpoint that was there before the claim; 0 if none was known.</param>
internal sealed record ClaimedShard(ushort Shard, OwnershipState Ownership, uint Seed, long Checkpoint);

/// <summary>Who claimed a shard, as its ShardOwned row says.</summary>
/// <param name="ClaimBits">Of the claim.</param>
/// <param name="Host">Which host, as its heartbeats name it; 0 if it had none.</param>
/// <param name="HostName">The host, for people.</param>
/// <param name="ShardCount">How many shards the log had for the claimant. Until the last claim of shard 0 says more than one, its owner may be writing as if nobody else did (decision 0013).</param>
internal sealed record ShardOwner(ulong ClaimBits, ulong Host, string HostName, int ShardCount);

/// <summary>Takes ownership of a shard: carries out what <see cref="OwnershipProtocol"/> says, until it is owner or has lost.</summary>
/// <remarks>The stall time-out is how long the store may take for a write; null where writes take turns, and are watched there (<see cref="OneWriteAtATime"/>).</remarks>
internal sealed class ShardClaimer(ILogStore store, LogMeta meta, TimeProvider time, IRandomSource random, ulong host, string hostName, TimeSpan? stallTimeout)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);
    private readonly ulong _writer = random.Next();
    private ulong _sends;

    /// <summary>Claims the shard against the end that was read; null if another host was first.</summary>
    public async ValueTask<ClaimedShard?> ClaimAsync(ushort shard, ShardEnd before, CancellationToken cancellation)
    {
        var state = OwnershipState.Start(random.Next() & TransactionId.Max40, before.Owned?.Version ?? 0);
        var checkpoint = before.Last is { Fault: null } known ? known.LastCheckpoint : 0;
        var claim = ClaimRow(shard, state.ClaimBits, checkpoint);
        var resolved = false;
        var emptyRows = new Dictionary<long, LogRow>();
        while (state.Phase is not OwnershipPhase.Owned)
        {
            cancellation.ThrowIfCancellationRequested();
            switch (state.Phase)
            {
                case OwnershipPhase.Claiming when resolved:
                    await EnsureSameLogAsync(cancellation).ConfigureAwait(false);
                    await Task.Delay(RetryDelay, time, CancellationToken.None).ConfigureAwait(false);
                    resolved = false;
                    break;
                case OwnershipPhase.Claiming:
                    state = await ClaimOnceAsync(state, claim, cancellation).ConfigureAwait(false);
                    break;
                case OwnershipPhase.Resolving:
                    resolved = true;
                    var end = await store.ReadShardEndAsync(shard, cancellation).ConfigureAwait(false);
                    state = OwnershipProtocol.Advance(
                        state,
                        new OwnershipInput.EndRead(end.Owned?.Version ?? 0, end.Owned is { } owned ? OwnerOf(owned).ClaimBits : 0, end.LastVersion));
                    break;
                case OwnershipPhase.Confirming:
                    state = await ConfirmOnceAsync(state, claim, emptyRows, cancellation).ConfigureAwait(false);
                    break;
                default:
                    return null;
            }
        }

        var seed = emptyRows.TryGetValue(state.NextVersion - 1, out var last)
            ? RowChecksum.SeedAfter(last)
            : RowChecksum.SeedAfter(claim.Checksum, RowKind.ShardOwned, state.Epoch);
        return new ClaimedShard(shard, state, seed, checkpoint);
    }

    /// <summary>What a ShardOwned row says of its owner.</summary>
    /// <exception cref="LogCorruptException">The row says nothing that can be understood.</exception>
    public static ShardOwner OwnerOf(LogRow owned) => RowJson.Read(owned, static (owned, root) => new ShardOwner(
        Hexadecimal(root, "claim") is var claim && claim <= TransactionId.Max40 ? claim : throw new FormatException("'claim' has more than 40 bits"),
        root.TryGetProperty("hostId", out _) ? Hexadecimal(root, "hostId") : 0,
        RowJson.Text(root, "host"),
        root.TryGetProperty("shards", out _) ? (int)RowJson.Number(root, "shards", 1, LogMeta.ShardCountMax) : 1)); // older claims don't say

    private static ulong Hexadecimal(JsonElement root, string name) =>
        ulong.Parse(RowJson.Text(root, name), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>The guard stands and the claim was refused: then the log is not as it was opened, or a moment has passed.</summary>
    private async ValueTask EnsureSameLogAsync(CancellationToken cancellation)
    {
        var last = await MetaRow.ReadLastAsync(store, cancellation).ConfigureAwait(false);
        if (last.AppendId == MetaRow.AppendIdOf(meta))
        {
            return;
        }

        var now = MetaRow.Read(last, string.Empty, store.Description).Meta;
        throw new LogStoreException(now.Identity == meta.Identity
            ? $"The log in {store.Description} has grown from {meta.ShardCount} to {now.ShardCount} shards since it was opened: who does not know all of them claims none. Restart this process."
            : $"The log in {store.Description} was opened as {meta.Identity} and is {now.Identity} now: it was declared restored meanwhile, and is of another generation. Restart this process.");
    }

    private async ValueTask<OwnershipState> ClaimOnceAsync(OwnershipState state, LogRow claim, CancellationToken cancellation)
    {
        var answer = await WatchAsync(store.ClaimAsync(new ShardClaim(claim, state.GuardEpoch, meta))).ConfigureAwait(false);
        switch (answer.Kind)
        {
            case GroupAnswerKind.Landed:
                return OwnershipProtocol.Advance(state, new OwnershipInput.ClaimAcknowledged(answer.Version));
            case GroupAnswerKind.CheckFailed:
                return OwnershipProtocol.Advance(state, new OwnershipInput.ClaimRefused());
            case GroupAnswerKind.Unclear:
                return OwnershipProtocol.Advance(state, new OwnershipInput.ClaimUnclear());
            case GroupAnswerKind.Refused:
                throw new LogStoreException($"{store.Description} refuses a claim of {claim.Stream}: {answer.Error?.Message}", answer.Error!);
            default:
                await Task.Delay(RetryDelay, time, CancellationToken.None).ConfigureAwait(false); // short: the loop looks at the token
                return state;
        }
    }

    private async ValueTask<OwnershipState> ConfirmOnceAsync(
        OwnershipState state, LogRow claim, Dictionary<long, LogRow> emptyRows, CancellationToken cancellation)
    {
        var version = state.NextVersion;
        if (!emptyRows.TryGetValue(version, out var empty))
        {
            var seed = emptyRows.TryGetValue(version - 1, out var previous)
                ? RowChecksum.SeedAfter(previous)
                : RowChecksum.SeedAfter(claim.Checksum, RowKind.ShardOwned, state.Epoch);
            emptyRows[version] = empty = LogRow.Empty(
                claim.Position.Shard, version, state.Epoch, claim.Checkpoint, new AppendId(_writer, ++_sends), claim.WrittenAt, seed);
        }

        var answer = await WatchAsync(store.AppendAsync(new RowGroup([empty], [AppendRules.CheckOf(empty.Stream, version, state.Epoch)]))).ConfigureAwait(false);
        switch (answer.Kind)
        {
            case GroupAnswerKind.Landed:
                var owned = await store.ReadAsync(empty.Stream, state.Epoch, 1, cancellation).ConfigureAwait(false);
                return OwnershipProtocol.Advance(state, new OwnershipInput.ConfirmAcknowledged(OwnerOf(owned[0]).ClaimBits));
            case GroupAnswerKind.CheckFailed:
                var found = (await store.InspectAsync([new RowKey(empty.Stream, version)], cancellation).ConfigureAwait(false))[0];
                return OwnershipProtocol.Advance(state, new OwnershipInput.ConfirmRefused(found.Exists && found.AppendId == empty.AppendId));
            default:
                await Task.Delay(RetryDelay, time, CancellationToken.None).ConfigureAwait(false); // short: the loop looks at the token
                return state; // unclear, or not now: the same row again
        }
    }

    /// <summary>
    /// Waits for a write, and gives it up where the store does not come back: the host says that it answers for the shard while it
    /// claims, so nobody else would.
    /// </summary>
    private async ValueTask<T> WatchAsync<T>(ValueTask<T> write)
    {
        if (write.IsCompleted || stallTimeout is not { } limit)
        {
            return await write.ConfigureAwait(false);
        }

        var watchdog = time.CreateTimer(static store => ((ILogStore)store!).AbandonAppend(), store, limit, limit);
        await using (watchdog.ConfigureAwait(false))
        {
            return await write.ConfigureAwait(false);
        }
    }

    private LogRow ClaimRow(ushort shard, ulong claimBits, long checkpoint)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("claim"u8, claimBits.ToString("x10", CultureInfo.InvariantCulture));
            writer.WriteString("hostId"u8, host.ToString("x16", CultureInfo.InvariantCulture));
            writer.WriteString("host"u8, hostName);
            writer.WriteNumber("shards"u8, meta.ShardCount);
            writer.WriteNumber("format"u8, LogMeta.CurrentFormatVersion);
            writer.WriteEndObject();
        }

        var row = new LogRow
        {
            Stream = LogStreams.Shard(shard),
            Version = 0,
            Kind = RowKind.ShardOwned,
            AppendId = new AppendId(_writer, ++_sends),
            Checkpoint = checkpoint,
            Position = new LogPosition(shard, 0),
            WrittenAt = LogRow.ClockOf(time),
            Payload = buffer.WrittenMemory.ToArray(),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        return row;
    }
}
