-- Resilience.

-- Processes: which programs serve this database. A program whose beat stands still for as long as its patience is taken for
-- dead, and what it claimed is free. On SQLite, which one program uses at a time, there is a row only while space is sought.
CREATE TABLE processes (
  -- The realm that init made: it stands for the installation.
  realm_id UUID NOT NULL,
  process_id UUID NOT NULL,
  beat BIGINT NOT NULL,
  -- In microseconds.
  patience BIGINT NOT NULL,
  -- Written after a write that failed for want of space, to see whether there is space again. NULL: none is sought.
  ballast BYTEA,
  PRIMARY KEY (realm_id, process_id)
);
-- Not compressed: it must take the space that it seems to take.
ALTER TABLE processes ALTER COLUMN ballast SET STORAGE EXTERNAL;

-- Which process sends a message now, and at which try. A program of an earlier schema writes no row; its claims end with their
-- time.
CREATE TABLE delivery_claims (
  realm_id UUID NOT NULL,
  delivery_id UUID NOT NULL,
  process_id UUID NOT NULL,
  tries BIGINT NOT NULL,
  PRIMARY KEY (realm_id, delivery_id, process_id)
);

-- Growth: what is over is deleted in small batches, each found by an index or by the order of the primary key.

-- Requests in the order in which they were claimed, which is that of their ids of version 7. So the oldest are found without
-- an index of their own. Until now they were stored by the callers' random ids.
ALTER TABLE requests DROP CONSTRAINT requests_pkey;
ALTER TABLE requests ADD PRIMARY KEY (realm_id, claim_id);
CREATE UNIQUE INDEX requests_by_id ON requests (realm_id, credential_id, method, request_id);
-- The secrets of the last ten minutes.
CREATE INDEX requests_secret ON requests (realm_id, secrets_until) WHERE secrets IS NOT NULL;

CREATE INDEX links_by_end ON links (realm_id, expires_at);

-- When a session ended for good: it was ended, or can be neither used nor refreshed any more. The statement that sweeps
-- sessions has the same expression.
CREATE INDEX sessions_by_end ON sessions (realm_id, (COALESCE(ended_at, CASE WHEN refresh_until > expires_at THEN refresh_until ELSE expires_at END)));

-- The newest send, which may lie in the future. NULL: a program of an earlier schema wrote the row.
ALTER TABLE sends ADD COLUMN last_at TIMESTAMPTZ;
UPDATE sends SET last_at = COALESCE((SELECT MAX(CAST(value AS TIMESTAMPTZ)) FROM json_array_elements_text(CAST(sent AS JSON))), 'epoch');
CREATE INDEX sends_by_end ON sends (realm_id, last_at);

-- Restores, and the rotation of master keys.

-- How many times the database was restored from a copy. NULL: never.
ALTER TABLE installation ADD COLUMN timeline BIGINT;
-- When `tidegate restored` began, while it is not complete. NULL: it is.
ALTER TABLE installation ADD COLUMN restore_began_at TIMESTAMPTZ;

-- How far `tidegate restored` has come in each realm. Empty but while it is not complete.
CREATE TABLE restores (
  realm_id UUID NOT NULL,
  after_account UUID NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id)
);

-- Every master key that was ever active, and when all values were sealed with it. They are of the first realm.
CREATE TABLE master_keys (
  realm_id UUID NOT NULL,
  key_id BIGINT NOT NULL,
  active_since TIMESTAMPTZ NOT NULL,
  rewrapped_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, key_id)
);

-- Servers that run, with the master keys that they have. They are of the first realm.
CREATE TABLE key_holders (
  realm_id UUID NOT NULL,
  holder UUID NOT NULL,
  active_key BIGINT NOT NULL,
  known_keys TEXT NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, holder)
);
