using Coordinator.AdoNet;

namespace Coordinator.PostgreSql;

/// <summary>Schema and statements. Streams compare byte by byte in every statement, by the collation of their column.</summary>
internal static class PostgreSqlStatements
{
    /// <summary>Name of the key: a row that stands there already is a failed check, and no other violation is.</summary>
    public const string KeyConstraint = "coordinator_event_key";

    /// <summary>Kind of a row that keeps others from a key until COMMIT, by when it is gone again: no reader ever sees one.</summary>
    public const int PlaceholderKind = 0;

    /// <summary>The schema, version 3. Run over version 2 it adds what that lacks.</summary>
    public const string Schema =
        """
        CREATE TABLE IF NOT EXISTS coordinator_schema (
          version integer NOT NULL
        );

        -- The log: one row an event. Only Coordinator writes to it; read it as you like.
        CREATE TABLE IF NOT EXISTS coordinator_event (
          stream            text COLLATE "C" NOT NULL,
          version           bigint   NOT NULL,
          kind              smallint NOT NULL,
          append_writer     bigint   NOT NULL,
          append_number     bigint   NOT NULL,
          transaction_id    bytea,
          epoch             bigint,
          checkpoint        bigint,
          shard             integer  NOT NULL,
          position          bigint   NOT NULL,
          previous_shard    integer  NOT NULL,
          previous_position bigint   NOT NULL,
          type              text     NOT NULL,
          type_version      integer  NOT NULL,
          written_at        bigint   NOT NULL,
          checksum          bigint   NOT NULL,
          payload           bytea    NOT NULL,
          CONSTRAINT coordinator_event_key PRIMARY KEY (stream, version)
        );

        -- Decisions by transaction: commit (19) and abort (20).
        CREATE INDEX IF NOT EXISTS coordinator_event_decision
          ON coordinator_event (transaction_id) WHERE kind IN (19, 20);

        -- Idempotency keys by age, for their removal.
        CREATE INDEX IF NOT EXISTS coordinator_event_key_age
          ON coordinator_event (written_at) WHERE stream >= 'key/' AND stream < 'key0';

        -- Heartbeats: one row a host, written over all the time. The free space keeps each new row on the page of the old one,
        -- so that no index is touched and the page cleans itself.
        CREATE TABLE IF NOT EXISTS coordinator_host (
          host          bigint    NOT NULL CONSTRAINT coordinator_host_key PRIMARY KEY,
          beat          bigint    NOT NULL,
          machine       text      NOT NULL,
          boot          text      NOT NULL,
          pid_namespace text      NOT NULL,
          pid           integer   NOT NULL,
          started_at    bigint    NOT NULL,
          shards        integer[] NOT NULL
        ) WITH (fillfactor = 20);

        -- Snapshots: the state of an aggregate up to a version, one a stream. They may be deleted at any time; that costs only time.
        CREATE TABLE IF NOT EXISTS coordinator_snapshot (
          stream        text COLLATE "C" NOT NULL CONSTRAINT coordinator_snapshot_key PRIMARY KEY,
          version       bigint   NOT NULL,
          append_writer bigint   NOT NULL,
          append_number bigint   NOT NULL,
          generation    smallint NOT NULL,
          shard         integer  NOT NULL,
          position      bigint   NOT NULL,
          type          text     NOT NULL,
          type_version  integer  NOT NULL,
          written_at    bigint   NOT NULL,
          checksum      bigint   NOT NULL,
          payload       bytea    NOT NULL
        );

        INSERT INTO coordinator_schema (version)
          SELECT 3 WHERE NOT EXISTS (SELECT 1 FROM coordinator_schema WHERE version >= 3);
        """;

    public const string ReadRows =
        "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version >= @from ORDER BY version LIMIT @count";

    public const string ReadShardEnd =
        "WITH last AS MATERIALIZED (SELECT version, epoch FROM coordinator_event WHERE stream = @stream ORDER BY version DESC LIMIT 1) "
        + "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version = ANY (ARRAY("
        + "SELECT version FROM last UNION ALL SELECT version - 1 FROM last UNION ALL SELECT epoch FROM last)) ORDER BY version";

    public const string FindOwned =
        "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND kind = 16 ORDER BY version DESC LIMIT 1";

    /// <summary>The inner query is fenced off: planned together with the condition on the stream it would read the shard from its start.</summary>
    public const string FindDecision =
        "WITH found AS MATERIALIZED (SELECT stream, version FROM coordinator_event WHERE transaction_id = @transaction_id AND kind IN (19, 20)), "
        + "first AS MATERIALIZED (SELECT min(version) AS version FROM found WHERE stream = @stream) "
        + "SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream AND version = ANY (ARRAY("
        + "SELECT version FROM first UNION ALL SELECT version - 1 FROM first)) ORDER BY version";

    public const string ReadLastRow =
        "SELECT * FROM (SELECT " + RowDecoder.Columns + " FROM coordinator_event WHERE stream = @stream ORDER BY version DESC LIMIT 2) last ORDER BY version";

    /// <summary>@keys is an array of "version stream".</summary>
    public const string Inspect =
        "SELECT k.index - 1, e.append_writer, e.append_number, e.kind, l.version, l.kind, l.transaction_id, l.epoch, l.shard, l.position "
        + "FROM (SELECT split_part(key, ' ', 1)::bigint AS version, split_part(key, ' ', 2) AS stream, index FROM unnest(@keys) WITH ORDINALITY AS u (key, index)) k "
        + "LEFT JOIN coordinator_event e ON e.stream = k.stream AND e.version = k.version "
        + "LEFT JOIN LATERAL (SELECT * FROM coordinator_event WHERE stream = k.stream ORDER BY version DESC LIMIT 1) l ON true";

    /// <summary>The level is written out, for what the checks mean depends on it: a server may default to another.</summary>
    public const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

    /// <summary>
    /// Writes the rows of $1 to $17, in their order, unless a check of $18 to $22 does not hold; then it writes nothing. The
    /// checks see what was committed before. What comes in between can only be a row at a key of the group, and is met there.
    /// Arrays are unnested in the list of columns: in FROM each of them would be stored once more before its first row is seen.
    /// </summary>
    public const string Insert =
        "INSERT INTO coordinator_event (stream, " + RowDecoder.Columns + ") "
        + "SELECT r.* FROM (SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), nullif(unnest($6), ''::bytea), nullif(unnest($7), 0), "
        + "nullif(unnest($8), 0), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13), unnest($14), unnest($15), unnest($16), unnest($17)) r "
        + "WHERE NOT EXISTS (SELECT 1 FROM (SELECT unnest($18) AS stream, unnest($19) AS version, unnest($20) AS epoch, unnest($21) AS holder, unnest($22) AS must_be_held) c "
        + "LEFT JOIN LATERAL (SELECT version, kind, epoch, transaction_id FROM coordinator_event WHERE stream = c.stream ORDER BY version DESC LIMIT 1) e ON true "
        + "WHERE coalesce(e.version, 0) <> c.version OR coalesce(e.epoch, 0) <> c.epoch "
        + "OR CASE WHEN e.kind = 2 THEN coalesce(e.transaction_id <> c.holder, true) ELSE c.must_be_held END)";

    /// <summary>
    /// The same as a transaction of its own, which answers each row it wrote. The server does so when all are written and before it commits, so that an
    /// error in front of the answer is one of the statement, and an error behind it is one of the commit.
    /// </summary>
    public const string InsertAlone = Insert + " RETURNING 1";

    /// <summary>Removes the placeholders that the same transaction has written.</summary>
    public const string DeletePlaceholders =
        "DELETE FROM coordinator_event e USING unnest($1, $2) AS r (stream, version) WHERE e.stream = r.stream AND e.version = r.version "
        + "AND e.kind = 0 AND e.append_writer = $3 AND e.append_number = $4";

    /// <summary>One row if the row that was written can be read: sent behind COMMIT, for the driver hides what COMMIT was answered with.</summary>
    public const string Proof =
        "SELECT true FROM coordinator_event WHERE stream = $1 AND version = $2 AND append_writer = $3 AND append_number = $4";

    /// <summary>The last time line of the server: right from a promotion on.</summary>
    private const string TimeLine = "ltrim(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), '0')";

    /// <summary>The server's identity, where a standby that is promoted is another store.</summary>
    public const string Identity = IdentityOfAnyTimeLine + " || ' timeline ' || " + TimeLine;

    /// <summary>The server's identity, where a standby that is promoted is the same store.</summary>
    public const string IdentityOfAnyTimeLine =
        "'system ' || (SELECT system_identifier FROM pg_control_system()) || ' database ' || (SELECT oid FROM pg_database WHERE datname = current_database()) "
        + "|| ' table ' || to_regclass('coordinator_event')::oid";

    /// <summary>
    /// A claim: version, epoch and position are the shard's next version. It writes nothing unless the last row is of the
    /// guard's epoch and the meta stream still says what the claimant opened, in this store, both seen by one snapshot. Answers the version
    /// or null, the store's identity, the one on record, and whether the log is as it was opened. A row that comes in between is no error, so that
    /// the claim can be tried again in the same transaction, on a new snapshot.
    /// </summary>
    public static string Claim(string identity) =>
        $"WITH live AS MATERIALIZED (SELECT {identity} AS store), "
        + "meta AS MATERIALIZED (SELECT convert_from(payload, 'UTF8')::json ->> 'store' AS store, append_writer = $14 AND append_number = $15 AS same "
        + "FROM coordinator_event WHERE stream = 'meta' ORDER BY version DESC LIMIT 1), "
        + "last AS MATERIALIZED (SELECT version, epoch FROM coordinator_event WHERE stream = $1 ORDER BY version DESC LIMIT 1), "
        + "next AS MATERIALIZED (SELECT coalesce((SELECT version FROM last), 0) + 1 AS version), "
        + "claimed AS (INSERT INTO coordinator_event (stream, " + RowDecoder.Columns + ") "
        + "SELECT $1, next.version, 16, $2, $3, NULL, next.version, nullif($4, 0), $5, next.version, $6, $7, $8, $9, $10, $11, $12 FROM next, meta, live "
        + "WHERE coalesce((SELECT epoch FROM last), 0) = $13 AND meta.same AND meta.store = live.store "
        + "ON CONFLICT (stream, version) DO NOTHING RETURNING version) "
        + "SELECT (SELECT version FROM claimed), live.store, meta.store, meta.same FROM live LEFT JOIN meta ON true";

    public const string ReadSnapshot = "SELECT " + SnapshotDecoder.Columns + " FROM coordinator_snapshot WHERE stream = @stream";

    /// <summary>Parameters in the order of the columns. It changes nothing if the one that is there is newer.</summary>
    public const string WriteSnapshot =
        "INSERT INTO coordinator_snapshot AS s (stream, " + SnapshotDecoder.Columns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
        + "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, append_writer = excluded.append_writer, append_number = excluded.append_number, "
        + "generation = excluded.generation, shard = excluded.shard, position = excluded.position, type = excluded.type, "
        + "type_version = excluded.type_version, written_at = excluded.written_at, checksum = excluded.checksum, payload = excluded.payload "
        + "WHERE (s.generation, s.version) <= (excluded.generation, excluded.version)";

    public const string DeleteSnapshot = "DELETE FROM coordinator_snapshot WHERE stream = $1";

    /// <summary>Of shard $1 the oldest $4 rows before $2, but not the one at $3.</summary>
    public const string RemoveShardRows =
        "DELETE FROM coordinator_event WHERE stream = $1 AND version = ANY (ARRAY("
        + "SELECT version FROM coordinator_event WHERE stream = $1 AND version < $2 AND version <> $3 ORDER BY version LIMIT $4))";

    /// <summary>At most $2 rows of keys that were written before $1.</summary>
    public const string RemoveKeys =
        "DELETE FROM coordinator_event e USING (SELECT stream, version FROM coordinator_event "
        + "WHERE stream >= 'key/' AND stream < 'key0' AND written_at < $1 ORDER BY written_at LIMIT $2) old "
        + "WHERE e.stream = old.stream AND e.version = old.version";

    public const string Beat =
        "INSERT INTO coordinator_host (host, beat, machine, boot, pid_namespace, pid, started_at, shards) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
        + "ON CONFLICT (host) DO UPDATE SET beat = excluded.beat, machine = excluded.machine, boot = excluded.boot, "
        + "pid_namespace = excluded.pid_namespace, pid = excluded.pid, started_at = excluded.started_at, shards = excluded.shards";

    public const string ReadBeats = "SELECT host, beat, machine, boot, pid_namespace, pid, started_at, shards FROM coordinator_host";

    public const string ForgetBeat = "DELETE FROM coordinator_host WHERE host = $1";
}
