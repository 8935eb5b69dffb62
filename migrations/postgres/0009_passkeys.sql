-- Passkeys as the first factor.

-- A program of an earlier schema takes a session by a passkey alone for one factor.
UPDATE installation SET min_binary = 9 WHERE min_binary < 9;

-- Requests for a passkey that wait for their answer. Nobody is known yet.
CREATE TABLE passkey_requests (
  realm_id UUID NOT NULL,
  challenge BYTEA NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  device_id TEXT COLLATE "C",
  material BYTEA NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, challenge)
);

CREATE INDEX passkey_requests_by_end ON passkey_requests (realm_id, expires_at);
