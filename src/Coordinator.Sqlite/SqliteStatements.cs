using Coordinator.AdoNet;

namespace Coordinator.Sqlite;

/// <summary>Schema and statements. Streams compare byte by byte: BINARY collation is written out though it is the default.</summary>
internal static class SqliteStatements
{
    /// <summary>The schema, version 3. Run over version 2 it adds what that lacks.</summary>
    public const string Schema =
        """
        CREATE TABLE IF NOT EXISTS coordinator_schema (
          version INTEGER NOT NULL
        );

        -- The log: one row an event. Written by the owning process alone; read it as you like.
        CREATE TABLE IF NOT EXISTS coordinator_event (
          stream            TEXT    COLLATE BINARY NOT NULL,
          version           INTEGER NOT NULL,
          kind              INTEGER NOT NULL,
          append_writer     INTEGER NOT NULL,
          append_number     INTEGER NOT NULL,
          transaction_id    BLOB,
          epoch             INTEGER,
          checkpoint        INTEGER,
          shard             INTEGER NOT NULL,
          position          INTEGER NOT NULL,
          previous_shard    INTEGER NOT NULL,
          previous_position INTEGER NOT NULL,
          type              TEXT    NOT NULL,
          type_version      INTEGER NOT NULL,
          written_at        INTEGER NOT NULL,
          checksum          INTEGER NOT NULL,
          payload           BLOB    NOT NULL,
          -- Rows stay in the order of their writing and only this index is written to at random places: a quarter faster
          -- than a table kept in the order of its key.
          PRIMARY KEY (stream, version)
        );

        -- Decisions by transaction: commit (19) and abort (20).
        CREATE INDEX IF NOT EXISTS coordinator_event_decision
          ON coordinator_event (transaction_id) WHERE kind IN (19, 20);

        -- Idempotency keys by age, for their removal.
        CREATE INDEX IF NOT EXISTS coordinator_event_key
          ON coordinator_event (written_at) WHERE stream >= 'key/' AND stream < 'key0';

        -- Snapshots: the state of an aggregate up to a version, one a stream. They may be deleted at any time; that costs only time.
        CREATE TABLE IF NOT EXISTS coordinator_snapshot (
          stream        TEXT    COLLATE BINARY NOT NULL PRIMARY KEY,
          version       INTEGER NOT NULL,
          append_writer INTEGER NOT NULL,
          append_number INTEGER NOT NULL,
          generation    INTEGER NOT NULL,
          shard         INTEGER NOT NULL,
          position      INTEGER NOT NULL,
          type          TEXT    NOT NULL,
          type_version  INTEGER NOT NULL,
          written_at    INTEGER NOT NULL,
          checksum      INTEGER NOT NULL,
          payload       BLOB    NOT NULL
        );

        INSERT INTO coordinator_schema (version)
          SELECT 3 WHERE NOT EXISTS (SELECT 1 FROM coordinator_schema WHERE version >= 3);
        """;

    public const string ReadRows =
        "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version >= @from ORDER BY version LIMIT @count";

    public const string ReadShardEnd =
        "WITH last AS (SELECT version, epoch FROM coordinator_event WHERE stream = @stream ORDER BY version DESC LIMIT 1) "
        + "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version IN "
        + "(SELECT version FROM last UNION ALL SELECT version - 1 FROM last UNION ALL SELECT epoch FROM last) ORDER BY version";

    public const string FindOwned =
        "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND kind = 16 ORDER BY version DESC LIMIT 1";

    public const string FindDecision =
        "WITH found AS (SELECT min(version) AS version FROM coordinator_event INDEXED BY coordinator_event_decision "
        + "WHERE transaction_id = @transaction_id AND kind IN (19, 20) AND stream = @stream) "
        + "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version IN "
        + "(SELECT version FROM found UNION ALL SELECT version - 1 FROM found) ORDER BY version";

    public const string ReadLastRow =
        "WITH last AS (SELECT max(version) AS version FROM coordinator_event WHERE stream = @stream) "
        + "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version IN "
        + "(SELECT version FROM last UNION ALL SELECT version - 1 FROM last) ORDER BY version";

    /// <summary>@keys is a JSON array of [stream, version].</summary>
    public const string Inspect =
        "SELECT k.key, e.append_writer, e.append_number, e.kind, l.version, l.kind, l.transaction_id, l.epoch, l.shard, l.position "
        + "FROM json_each(@keys) k "
        + "LEFT JOIN coordinator_event e ON e.stream = json_extract(k.value, '$[0]') AND e.version = json_extract(k.value, '$[1]') "
        + "LEFT JOIN coordinator_event l ON l.stream = json_extract(k.value, '$[0]') "
        + "AND l.version = (SELECT max(version) FROM coordinator_event WHERE stream = json_extract(k.value, '$[0]'))";

    /// <summary>What a stream ends with.</summary>
    public const string StreamEnd =
        "SELECT version, kind, epoch, transaction_id FROM coordinator_event WHERE stream = ?1 ORDER BY version DESC LIMIT 1";

    /// <summary>Parameters in the order of the columns.</summary>
    public const string Insert =
        "INSERT INTO coordinator_event (stream, " + RowDecoder.Columns + ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

    /// <summary>
    /// A claim: version, epoch and position are the shard's next version. It writes nothing unless the last row is of the
    /// guard's epoch and the meta stream still says what the claimant opened: a restored log would repeat epochs, and one that has grown has other writers.
    /// </summary>
    public const string Claim =
        "INSERT INTO coordinator_event (stream, " + RowDecoder.Columns + ") "
        + "SELECT ?1, last.version + 1, 16, ?2, ?3, NULL, last.version + 1, ?15, ?4, last.version + 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11 "
        + "FROM (SELECT coalesce(max(version), 0) AS version FROM coordinator_event WHERE stream = ?1) last "
        + "WHERE coalesce((SELECT epoch FROM coordinator_event WHERE stream = ?1 AND version = last.version), 0) = ?12 "
        + "AND EXISTS (SELECT 1 FROM coordinator_event WHERE stream = 'meta' AND append_writer = ?13 AND append_number = ?14 "
        + "AND version = (SELECT max(version) FROM coordinator_event WHERE stream = 'meta')) "
        + "RETURNING version";

    public const string ReadSnapshot = "SELECT " + SnapshotDecoder.Columns + " FROM coordinator_snapshot WHERE stream = @stream";

    /// <summary>Parameters in the order of the columns. It changes nothing if the one that is there is newer.</summary>
    public const string WriteSnapshot =
        "INSERT INTO coordinator_snapshot (stream, " + SnapshotDecoder.Columns + ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
        + "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, append_writer = excluded.append_writer, append_number = excluded.append_number, "
        + "generation = excluded.generation, shard = excluded.shard, position = excluded.position, type = excluded.type, "
        + "type_version = excluded.type_version, written_at = excluded.written_at, checksum = excluded.checksum, payload = excluded.payload "
        + "WHERE (coordinator_snapshot.generation, coordinator_snapshot.version) <= (excluded.generation, excluded.version)";

    public const string DeleteSnapshot = "DELETE FROM coordinator_snapshot WHERE stream = ?1";

    /// <summary>Of shard ?1 the oldest ?4 rows before ?2, but not the one at ?3.</summary>
    public const string RemoveShardRows =
        "DELETE FROM coordinator_event WHERE rowid IN (SELECT rowid FROM coordinator_event WHERE stream = ?1 AND version < ?2 AND version <> ?3 ORDER BY version LIMIT ?4)";

    /// <summary>At most ?2 rows of keys that were written before ?1.</summary>
    public const string RemoveKeys =
        "DELETE FROM coordinator_event WHERE rowid IN (SELECT rowid FROM coordinator_event INDEXED BY coordinator_event_key "
        + "WHERE stream >= 'key/' AND stream < 'key0' AND written_at < ?1 ORDER BY written_at LIMIT ?2)";
}
