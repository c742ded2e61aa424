-- What Orleans' AdoNet providers expect of PostgreSQL for clustering and grain storage: they run the statements that they find in
-- orleansquery by their keys, with these parameters, and read these columns. May be run again; what is there stays.

CREATE TABLE IF NOT EXISTS orleansquery (
  querykey  varchar(64) PRIMARY KEY,
  querytext varchar(8000) NOT NULL
);

-- Membership: one row a cluster, which counts the changes, and one row a silo that ever was.
CREATE TABLE IF NOT EXISTS orleansmembershipversiontable (
  deploymentid varchar(150) PRIMARY KEY,
  timestamp    timestamptz(3) NOT NULL DEFAULT now(),
  version      integer NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS orleansmembershiptable (
  deploymentid varchar(150) NOT NULL REFERENCES orleansmembershipversiontable,
  address      varchar(45)  NOT NULL,
  port         integer      NOT NULL,
  generation   integer      NOT NULL,
  siloname     varchar(150) NOT NULL,
  hostname     varchar(150) NOT NULL,
  status       integer      NOT NULL,
  proxyport    integer,
  suspecttimes varchar(8000),
  starttime    timestamptz(3) NOT NULL,
  iamalivetime timestamptz(3) NOT NULL,
  PRIMARY KEY (deploymentid, address, port, generation)
);

-- Grain storage: the state of one grain under one name.
CREATE TABLE IF NOT EXISTS orleansstorage (
  grainidhash            integer NOT NULL,
  grainidn0              bigint  NOT NULL,
  grainidn1              bigint  NOT NULL,
  graintypehash          integer NOT NULL,
  graintypestring        varchar(512) NOT NULL,
  grainidextensionstring varchar(512),
  serviceid              varchar(150) NOT NULL,
  payloadbinary          bytea,
  modifiedon             timestamp NOT NULL,
  version                integer NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS orleansstorage_grain ON orleansstorage
  (grainidhash, graintypehash, grainidn0, grainidn1, graintypestring, coalesce(grainidextensionstring, ''), serviceid);

-- A change of the membership counts its version up in the same statement, or does nothing: whoever read an older version must read again.
INSERT INTO orleansquery (querykey, querytext) VALUES
('InsertMembershipVersionKey',
 'WITH added AS (INSERT INTO orleansmembershipversiontable (deploymentid) VALUES (@DeploymentId) ON CONFLICT DO NOTHING RETURNING 1)
  SELECT count(*)::integer FROM added'),
('InsertMembershipKey',
 'WITH counted AS (
    UPDATE orleansmembershipversiontable SET version = version + 1, timestamp = now()
    WHERE deploymentid = @DeploymentId AND version = @Version
      AND NOT EXISTS (SELECT 1 FROM orleansmembershiptable WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
    RETURNING deploymentid),
  added AS (
    INSERT INTO orleansmembershiptable (deploymentid, address, port, generation, siloname, hostname, status, proxyport, starttime, iamalivetime)
    SELECT deploymentid, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM counted
    RETURNING 1)
  SELECT count(*)::integer FROM added'),
('UpdateMembershipKey',
 'WITH counted AS (
    UPDATE orleansmembershipversiontable SET version = version + 1, timestamp = now()
    WHERE deploymentid = @DeploymentId AND version = @Version
      AND EXISTS (SELECT 1 FROM orleansmembershiptable WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
    RETURNING deploymentid),
  changed AS (
    UPDATE orleansmembershiptable m SET status = @Status, suspecttimes = @SuspectTimes, iamalivetime = @IAmAliveTime
    FROM counted c WHERE m.deploymentid = c.deploymentid AND m.address = @Address AND m.port = @Port AND m.generation = @Generation
    RETURNING 1)
  SELECT count(*)::integer FROM changed'),
('UpdateIAmAlivetimeKey',
 'UPDATE orleansmembershiptable SET iamalivetime = @IAmAliveTime
  WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation'),
('MembershipReadRowKey',
 'SELECT v.deploymentid, m.address, m.port, m.generation, m.siloname, m.hostname, m.status, m.proxyport, m.suspecttimes, m.starttime, m.iamalivetime, v.version
  FROM orleansmembershipversiontable v
  LEFT JOIN orleansmembershiptable m ON m.deploymentid = v.deploymentid AND m.address = @Address AND m.port = @Port AND m.generation = @Generation
  WHERE v.deploymentid = @DeploymentId'),
('MembershipReadAllKey',
 'SELECT v.deploymentid, m.address, m.port, m.generation, m.siloname, m.hostname, m.status, m.proxyport, m.suspecttimes, m.starttime, m.iamalivetime, v.version
  FROM orleansmembershipversiontable v LEFT JOIN orleansmembershiptable m USING (deploymentid)
  WHERE v.deploymentid = @DeploymentId'),
('GatewaysQueryKey',
 'SELECT address, proxyport, generation FROM orleansmembershiptable
  WHERE deploymentid = @DeploymentId AND status = @Status AND proxyport > 0'),
('DeleteMembershipTableEntriesKey',
 'WITH silos AS (DELETE FROM orleansmembershiptable WHERE deploymentid = @DeploymentId)
  DELETE FROM orleansmembershipversiontable WHERE deploymentid = @DeploymentId'),
('CleanupDefunctSiloEntriesKey',
 'DELETE FROM orleansmembershiptable WHERE deploymentid = @DeploymentId AND iamalivetime < @IAmAliveTime AND status <> 3'),
('ReadFromStorageKey',
 'SELECT payloadbinary, modifiedon, version FROM orleansstorage
  WHERE grainidhash = @GrainIdHash AND graintypehash = @GrainTypeHash AND grainidn0 = @GrainIdN0 AND grainidn1 = @GrainIdN1
    AND graintypestring = @GrainTypeString AND coalesce(grainidextensionstring, '''') = coalesce(@GrainIdExtensionString, '''') AND serviceid = @ServiceId'),
('WriteToStorageKey',
 'WITH changed AS (
    UPDATE orleansstorage SET payloadbinary = @PayloadBinary, modifiedon = now() AT TIME ZONE ''utc'', version = version + 1
    WHERE grainidhash = @GrainIdHash AND graintypehash = @GrainTypeHash AND grainidn0 = @GrainIdN0 AND grainidn1 = @GrainIdN1
      AND graintypestring = @GrainTypeString AND coalesce(grainidextensionstring, '''') = coalesce(@GrainIdExtensionString, '''') AND serviceid = @ServiceId
      AND version = @GrainStateVersion::integer
    RETURNING version),
  added AS (
    INSERT INTO orleansstorage (grainidhash, grainidn0, grainidn1, graintypehash, graintypestring, grainidextensionstring, serviceid, payloadbinary, modifiedon, version)
    SELECT @GrainIdHash, @GrainIdN0, @GrainIdN1, @GrainTypeHash, @GrainTypeString, @GrainIdExtensionString, @ServiceId, @PayloadBinary, now() AT TIME ZONE ''utc'', 1
    WHERE @GrainStateVersion::integer IS NULL
    ON CONFLICT DO NOTHING
    RETURNING version)
  SELECT coalesce((SELECT version FROM changed), (SELECT version FROM added), @GrainStateVersion::integer) AS newgrainstateversion'),
('ClearStorageKey',
 'UPDATE orleansstorage SET payloadbinary = NULL, version = version + 1
  WHERE grainidhash = @GrainIdHash AND graintypehash = @GrainTypeHash AND grainidn0 = @GrainIdN0 AND grainidn1 = @GrainIdN1
    AND graintypestring = @GrainTypeString AND coalesce(grainidextensionstring, '''') = coalesce(@GrainIdExtensionString, '''') AND serviceid = @ServiceId
    AND version = @GrainStateVersion::integer
  RETURNING version AS newgrainstateversion'),
('DeleteStorageKey',
 'DELETE FROM orleansstorage
  WHERE grainidhash = @GrainIdHash AND graintypehash = @GrainTypeHash AND grainidn0 = @GrainIdN0 AND grainidn1 = @GrainIdN1
    AND graintypestring = @GrainTypeString AND coalesce(grainidextensionstring, '''') = coalesce(@GrainIdExtensionString, '''') AND serviceid = @ServiceId
    AND version = @GrainStateVersion::integer
  RETURNING version + 1 AS newgrainstateversion')
ON CONFLICT (querykey) DO NOTHING;
