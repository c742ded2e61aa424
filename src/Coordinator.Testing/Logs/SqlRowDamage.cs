using System.Data.Common;
using Coordinator.AdoNet;
using Coordinator.Log;

namespace Coordinator.Testing.Logs;

/// <summary>Damages rows of a log in a database by SQL, behind the store's back. What a dialect writes otherwise it gives.</summary>
internal static class SqlRowDamage
{
    /// <summary>Damages one row.</summary>
    /// <param name="connection">Open, and not the store's.</param>
    /// <param name="key">The row.</param>
    /// <param name="damage">What happens to it.</param>
    /// <param name="readRows">The dialect's statement that reads rows.</param>
    /// <param name="assignmentOf">The assignments of a damage in the dialect's SQL; asked for those only that leave the payload.</param>
    public static async Task ApplyAsync(DbConnection connection, RowKey key, RowDamage damage, string readRows, Func<RowDamage, string> assignmentOf)
    {
        await using var command = connection.CreateCommand();
        var changesPayload = damage is RowDamage.PayloadBit or RowDamage.NewerFormat;
        command.CommandText = "UPDATE coordinator_event SET "
            + (changesPayload ? "payload = @payload, checksum = @checksum" : assignmentOf(damage))
            + (damage is RowDamage.NewerFormat ? ", written_at = 0" : string.Empty)
            + " WHERE stream = @stream AND version = @version";
        LogDialect.Parameter(command, "@stream", key.Stream.Value);
        LogDialect.Parameter(command, "@version", key.Version);
        if (changesPayload)
        {
            var damaged = RowDamages.Apply(await ReadAsync(connection, key, readRows).ConfigureAwait(false), damage);
            LogDialect.Parameter(command, "@payload", damaged.Payload.ToArray());
            LogDialect.Parameter(command, "@checksum", (long)damaged.Checksum);
        }

        Expect.Equal(1, await command.ExecuteNonQueryAsync().ConfigureAwait(false), "rows damaged");
    }

    private static async Task<LogRow> ReadAsync(DbConnection connection, RowKey key, string readRows)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = readRows;
        LogDialect.Parameter(command, "@stream", key.Stream.Value);
        LogDialect.Parameter(command, "@from", key.Version);
        LogDialect.Parameter(command, "@count", 1L);
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        Expect.True(await reader.ReadAsync().ConfigureAwait(false), $"row {key.Version} of {key.Stream} is there");
        return RowDecoder.Read(reader, key.Stream);
    }
}
