-- Factors live: recovery codes sign in, and an account has several factors. Messages have channels and purposes.

-- A program of an earlier schema takes a session after a recovery code for a full one.
UPDATE installation SET min_binary = 7 WHERE min_binary < 7;

-- An enrollment that a proof of a factor began may add to the factors. Earlier ones bind only a first factor.
ALTER TABLE enrollments ADD COLUMN proved_by BLOB;

-- Until now every message was a mail. A column that must not be empty takes a new table.
CREATE TABLE deliveries_new (
  realm_id BLOB NOT NULL,
  delivery_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  payload BLOB,
  tries INTEGER NOT NULL,
  next_try_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  channel TEXT NOT NULL,
  problem TEXT,
  PRIMARY KEY (realm_id, delivery_id)
) STRICT, WITHOUT ROWID;
INSERT INTO deliveries_new (realm_id, delivery_id, account_id, purpose, state, payload, tries, next_try_at, created_at, expires_at, ended_at, channel)
SELECT realm_id, delivery_id, account_id, template, state, payload, tries, next_try_at, created_at, expires_at, ended_at, 'mail' FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (channel, state, next_try_at);
