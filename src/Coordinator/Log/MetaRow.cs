using System.Globalization;
using System.Text.Json;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// The rows of the stream <c>meta</c>; the last one says what the log is. Identity and number of shards stand in the payload for
/// people and in the append id for the claim statement, which compares them inside the store: whoever knows another generation, or
/// fewer shards, claims nothing (decision 0013).
/// </summary>
internal static class MetaRow
{
    private const int GenerationBits = 8;

    /// <summary>
    /// The append id of a meta row that says this. A log of one shard keeps the id it had before the number was part of it.
    /// </summary>
    public static AppendId AppendIdOf(LogIdentity identity, int shardCount) =>
        new(identity.LogId, ((ulong)(shardCount - 1) << GenerationBits) | identity.Generation);

    /// <inheritdoc cref="AppendIdOf(LogIdentity, int)"/>
    public static AppendId AppendIdOf(LogMeta meta) => AppendIdOf(meta.Identity, meta.ShardCount);

    /// <summary>The row that says what an open log is now.</summary>
    /// <exception cref="LogCorruptException">It can't be trusted.</exception>
    public static async ValueTask<LogRow> ReadLastAsync(ILogStore store, CancellationToken cancellation) =>
        await store.ReadLastAsync(LogStreams.Meta, cancellation).ConfigureAwait(false)
        ?? throw new LogStoreException($"The log in {store.Description} was opened and has no meta row any more. Restore it.");

    /// <summary>A row of the stream.</summary>
    public static LogRow Create(LogMeta meta, string store, long version, DateTimeOffset now)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("logId", meta.Identity.LogId.ToString("x12", CultureInfo.InvariantCulture));
            json.WriteNumber("generation", meta.Identity.Generation);
            json.WriteNumber("shardCount", meta.ShardCount);
            json.WriteNumber("formatVersion", meta.FormatVersion);
            if (store.Length > 0)
            {
                json.WriteString("store", store);
            }

            json.WriteEndObject();
        }

        var row = new LogRow
        {
            Stream = LogStreams.Meta,
            Version = version,
            Kind = RowKind.LogCreated,
            AppendId = AppendIdOf(meta),
            WrittenAt = (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            Payload = buffer.ToArray(),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        return row;
    }

    /// <summary>Reads a row that was verified.</summary>
    /// <exception cref="LogStoreException">It says nothing that this software understands, or is of a newer format.</exception>
    public static OpenedLog Read(LogRow row, string storeIdentity, string store)
    {
        try
        {
            return RowJson.Read(row, (_, root) => Read(row, root, storeIdentity, store));
        }
        catch (LogCorruptException error)
        {
            throw new LogStoreException($"The meta row of the log in {store} can't be understood: {error.Message} Restore it.", error);
        }
    }

    private static OpenedLog Read(LogRow row, JsonElement root, string storeIdentity, string store)
    {
        var format = (int)RowJson.Number(root, "formatVersion", 1, int.MaxValue);
        if (format > LogMeta.CurrentFormatVersion)
        {
            throw new LogStoreException(
                $"The log in {store} has format {format}; this software knows formats up to {LogMeta.CurrentFormatVersion}. Use the version that wrote it, or a newer one.");
        }

        var logId = ulong.Parse(RowJson.Text(root, "logId"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        if (logId >> LogIdentity.LogIdBits != 0)
        {
            throw new FormatException("'logId' has more than 48 bits");
        }

        var meta = new LogMeta(
            new LogIdentity(logId, (byte)RowJson.Number(root, "generation", 1, byte.MaxValue)),
            (int)RowJson.Number(root, "shardCount", 1, LogMeta.ShardCountMax),
            format);
        return row.AppendId == AppendIdOf(meta)
            ? new OpenedLog(meta, root.TryGetProperty("store", out _) ? RowJson.Text(root, "store") : string.Empty, storeIdentity)
            : throw new LogStoreException($"The meta row of the log in {store} says one thing in its payload and another in its append id; it was edited by hand. Restore it.");
    }
}
