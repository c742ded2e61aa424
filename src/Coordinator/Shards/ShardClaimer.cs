using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Shards;

/// <summary>Takes ownership of a shard: carries out what <see cref="OwnershipProtocol"/> says, until it is owner or has lost.</summary>
internal sealed class ShardClaimer(ILogStore store, LogMeta meta, TimeProvider time, IRandomSource random, string hostName)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);
    private readonly ulong _writer = random.Next();
    private ulong _sends;

    /// <summary>Claims the shard against the epoch that was read.</summary>
    /// <exception cref="LogStoreException">Another process has claimed it meanwhile.</exception>
    public async ValueTask<ShardLane> ClaimAsync(ushort shard, long guardEpoch, CancellationToken cancellation)
    {
        var state = OwnershipState.Start(random.Next() & TransactionId.Max40, guardEpoch);
        var claim = ClaimRow(shard, state.ClaimBits);
        var emptyRows = new Dictionary<long, LogRow>();
        while (state.Phase is not OwnershipPhase.Owned)
        {
            cancellation.ThrowIfCancellationRequested();
            switch (state.Phase)
            {
                case OwnershipPhase.Claiming:
                    state = await ClaimOnceAsync(state, claim, cancellation).ConfigureAwait(false);
                    break;
                case OwnershipPhase.Resolving:
                    var end = await store.ReadShardEndAsync(shard, cancellation).ConfigureAwait(false);
                    state = OwnershipProtocol.Advance(
                        state,
                        new OwnershipInput.EndRead(end.Owned?.Version ?? 0, end.Owned is { } owned ? ClaimBitsOf(owned) : 0, end.LastVersion));
                    break;
                case OwnershipPhase.Confirming:
                    state = await ConfirmOnceAsync(state, claim, emptyRows, cancellation).ConfigureAwait(false);
                    break;
                default:
                    throw new LogStoreException($"Shard {shard} of {store.Description} has another owner: it claimed the shard while this process did. Start again, or leave it to the other.");
            }
        }

        var seed = emptyRows.TryGetValue(state.NextVersion - 1, out var last)
            ? RowChecksum.SeedAfter(last)
            : RowChecksum.SeedAfter(claim.Checksum, RowKind.ShardOwned, state.Epoch);
        return new ShardLane(shard, state, seed);
    }

    /// <summary>The claim bits of a ShardOwned row.</summary>
    /// <exception cref="LogCorruptException">The row carries none.</exception>
    public static ulong ClaimBitsOf(LogRow owned)
    {
        try
        {
            using var document = JsonDocument.Parse(owned.Payload);
            return ulong.Parse(document.RootElement.GetProperty("claim").GetString()!, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new LogCorruptException(owned.Stream, owned.Version, "a claim without claim bits: " + error.Message);
        }
    }

    private async ValueTask<OwnershipState> ClaimOnceAsync(OwnershipState state, LogRow claim, CancellationToken cancellation)
    {
        var answer = await store.ClaimAsync(new ShardClaim(claim, state.GuardEpoch, meta.Identity)).ConfigureAwait(false);
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
                await Task.Delay(RetryDelay, time, cancellation).ConfigureAwait(false);
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
                claim.Position.Shard, version, state.Epoch, new AppendId(_writer, ++_sends), claim.WrittenAt, seed);
        }

        var answer = await store.AppendAsync(new RowGroup([empty], [AppendRules.CheckOf(empty.Stream, version, state.Epoch)])).ConfigureAwait(false);
        switch (answer.Kind)
        {
            case GroupAnswerKind.Landed:
                var owned = await store.ReadAsync(empty.Stream, state.Epoch, 1, cancellation).ConfigureAwait(false);
                return OwnershipProtocol.Advance(state, new OwnershipInput.ConfirmAcknowledged(ClaimBitsOf(owned[0])));
            case GroupAnswerKind.CheckFailed:
                var found = (await store.InspectAsync([new RowKey(empty.Stream, version)], cancellation).ConfigureAwait(false))[0];
                return OwnershipProtocol.Advance(state, new OwnershipInput.ConfirmRefused(found.Exists && found.AppendId == empty.AppendId));
            default:
                await Task.Delay(RetryDelay, time, cancellation).ConfigureAwait(false);
                return state; // unclear, or not now: the same row again
        }
    }

    private LogRow ClaimRow(ushort shard, ulong claimBits)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("claim"u8, claimBits.ToString("x10", CultureInfo.InvariantCulture));
            writer.WriteString("host"u8, hostName);
            writer.WriteNumber("format"u8, LogMeta.CurrentFormatVersion);
            writer.WriteEndObject();
        }

        var row = new LogRow
        {
            Stream = LogStreams.Shard(shard),
            Version = 0,
            Kind = RowKind.ShardOwned,
            AppendId = new AppendId(_writer, ++_sends),
            Position = new LogPosition(shard, 0),
            WrittenAt = LogRow.ClockOf(time),
            Payload = buffer.WrittenMemory.ToArray(),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        return row;
    }
}
