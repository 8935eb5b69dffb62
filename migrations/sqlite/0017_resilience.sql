-- Resilience.

-- Processes: which programs serve this database. A program whose beat stands still for as long as its patience is taken for
-- dead, and what it claimed is free. On SQLite, which one program uses at a time, there is a row only while space is sought.
CREATE TABLE processes (
  -- The realm that init made: it stands for the installation.
  realm_id BLOB NOT NULL,
  process_id BLOB NOT NULL,
  beat INTEGER NOT NULL,
  -- In microseconds.
  patience INTEGER NOT NULL,
  -- Written after a write that failed for want of space, to see whether there is space again. NULL: none is sought.
  ballast BLOB,
  PRIMARY KEY (realm_id, process_id)
) STRICT, WITHOUT ROWID;

-- Which process sends a message now, and at which try. A program of an earlier schema writes no row; its claims end with their
-- time.
CREATE TABLE delivery_claims (
  realm_id BLOB NOT NULL,
  delivery_id BLOB NOT NULL,
  process_id BLOB NOT NULL,
  tries INTEGER NOT NULL,
  PRIMARY KEY (realm_id, delivery_id, process_id)
) STRICT, WITHOUT ROWID;

-- Growth: what is over is deleted in small batches, each found by an index or by the order of the primary key.

-- Requests in the order in which they were claimed, which is that of their ids of version 7. So new rows fill the last page,
-- and the oldest are found without an index of their own. Until now they were stored by the callers' random ids. The table is
-- the only one with a rowid: without one, each row of more than 1 002 bytes takes a page of 4 096 for its rest, and half of
-- the outcomes are as long.
CREATE TABLE requests_new (
  realm_id BLOB NOT NULL,
  credential_id BLOB NOT NULL,
  method TEXT NOT NULL,
  request_id BLOB NOT NULL,
  body_digest BLOB NOT NULL,
  claim_id BLOB NOT NULL,
  lease_until INTEGER NOT NULL,
  outcome BLOB,
  secrets BLOB,
  secrets_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, claim_id)
) STRICT;
INSERT INTO requests_new (realm_id, credential_id, method, request_id, body_digest, claim_id, lease_until, outcome, secrets, secrets_until, expires_at)
SELECT realm_id, credential_id, method, request_id, body_digest, claim_id, lease_until, outcome, secrets, secrets_until, expires_at
FROM requests ORDER BY realm_id, claim_id;
DROP TABLE requests;
ALTER TABLE requests_new RENAME TO requests;
CREATE UNIQUE INDEX requests_by_id ON requests (realm_id, credential_id, method, request_id);
-- The secrets of the last ten minutes.
CREATE INDEX requests_secret ON requests (realm_id, secrets_until) WHERE secrets IS NOT NULL;

CREATE INDEX links_by_end ON links (realm_id, expires_at);

-- When a session ended for good: it was ended, or can be neither used nor refreshed any more. The statement that sweeps
-- sessions has the same expression.
CREATE INDEX sessions_by_end ON sessions (realm_id, (COALESCE(ended_at, CASE WHEN refresh_until > expires_at THEN refresh_until ELSE expires_at END)));

-- The newest send, which may lie in the future. NULL: a program of an earlier schema wrote the row.
ALTER TABLE sends ADD COLUMN last_at INTEGER;
UPDATE sends SET last_at = COALESCE((SELECT MAX((unixepoch(value) + 1) * 1000000) FROM json_each(sent)), 0);
CREATE INDEX sends_by_end ON sends (realm_id, last_at);

-- Restores, and the rotation of master keys.

-- How many times the database was restored from a copy. NULL: never.
ALTER TABLE installation ADD COLUMN timeline INTEGER;
-- When `tidegate restored` began, while it is not complete. NULL: it is.
ALTER TABLE installation ADD COLUMN restore_began_at INTEGER;

-- How far `tidegate restored` has come in each realm. Empty but while it is not complete.
CREATE TABLE restores (
  realm_id BLOB NOT NULL,
  after_account BLOB NOT NULL,
  ended_at INTEGER,
  PRIMARY KEY (realm_id)
) STRICT, WITHOUT ROWID;

-- Every master key that was ever active, and when all values were sealed with it. They are of the first realm.
CREATE TABLE master_keys (
  realm_id BLOB NOT NULL,
  key_id INTEGER NOT NULL,
  active_since INTEGER NOT NULL,
  rewrapped_at INTEGER,
  PRIMARY KEY (realm_id, key_id)
) STRICT, WITHOUT ROWID;

-- Servers that run, with the master keys that they have. They are of the first realm.
CREATE TABLE key_holders (
  realm_id BLOB NOT NULL,
  holder BLOB NOT NULL,
  active_key INTEGER NOT NULL,
  known_keys TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, holder)
) STRICT, WITHOUT ROWID;
