-- Passkeys as the first factor.

-- A program of an earlier schema takes a session by a passkey alone for one factor.
UPDATE installation SET min_binary = 9 WHERE min_binary < 9;

-- Requests for a passkey that wait for their answer. Nobody is known yet.
CREATE TABLE passkey_requests (
  realm_id BLOB NOT NULL,
  challenge BLOB NOT NULL,
  product_key TEXT NOT NULL,
  device_id TEXT,
  material BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, challenge)
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_requests_by_end ON passkey_requests (realm_id, expires_at);
