using Npgsql;

namespace Bank.Silos;

/// <summary>The tables of Orleans' AdoNet providers, which its packages leave to whoever uses them.</summary>
public static class OrleansSchema
{
    // Several silos may be told to create it at once; PostgreSQL's CREATE ... IF NOT EXISTS does not wait for another session's.
    private const string OneAtATime = "SELECT pg_advisory_xact_lock(7103472)";

    /// <summary>The script, for those whose administrator creates it.</summary>
    public static string Script
    {
        get
        {
            using var stream = typeof(OrleansSchema).Assembly.GetManifestResourceStream("OrleansSchema.sql")!;
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }

    /// <summary>Creates what is missing of it.</summary>
    public static async Task CreateAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var text in (string[])[OneAtATime, Script])
        {
            await using var command = new NpgsqlCommand(text, connection, transaction);
            await command.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }
}
