-- An owner's life after the first sign-in: passwords, addresses, sessions, notices, support.

-- A program of an earlier schema does not know what ends a session.
UPDATE installation SET min_binary = 13 WHERE min_binary < 13;

-- Raised by every event that ends what was begun before: sign-ins and trust of an earlier epoch count no more. None is zero.
ALTER TABLE accounts ADD COLUMN epoch BIGINT;
ALTER TABLE sign_ins ADD COLUMN epoch BIGINT;
ALTER TABLE devices ADD COLUMN epoch BIGINT;

-- Since when a new password is demanded, by mail, before the next sign-in with one.
ALTER TABLE passwords ADD COLUMN demanded_at TIMESTAMPTZ;

-- How many of the guesses in a row have been found wrong. The others are under way. None is zero.
ALTER TABLE attempts ADD COLUMN settled BIGINT;

-- Where it was begun or last used from, as the owner is shown it; sealed with the account's own key.
ALTER TABLE sessions ADD COLUMN client BYTEA;
ALTER TABLE devices ADD COLUMN client BYTEA;

-- Proofs that failed in the session since the last one that did not. None is zero.
ALTER TABLE sessions ADD COLUMN failed_proofs BIGINT;

-- When the password was last reset by a mailed link.
ALTER TABLE passwords ADD COLUMN reset_at TIMESTAMPTZ;

-- Somebody asked to reset the password of an identifier, known or not. A worker finds out.
CREATE TABLE recoveries (
  realm_id UUID NOT NULL,
  recovery_id UUID NOT NULL,
  material BYTEA NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, recovery_id)
);

-- How a batch's digest is computed. Earlier programs do not say it: they compute it without the personal fields.
ALTER TABLE chain ADD COLUMN tag TEXT;

-- The keys that sign a realm's assertions, sealed. A public key is computed from its private one, and not stored.
CREATE TABLE signing_keys (
  realm_id UUID NOT NULL,
  number BIGINT NOT NULL,
  key_id UUID NOT NULL,
  sealed_key BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  signs_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, number)
);

-- The secret that a rotation replaced, and until when it is accepted.
ALTER TABLE credentials ADD COLUMN previous_digest BYTEA;
ALTER TABLE credentials ADD COLUMN previous_until TIMESTAMPTZ;
-- By whom it was created; and who has known a secret of it besides its holder, up to an operator. NULL: not known, because
-- an earlier version made it. Only operators make operators.
ALTER TABLE credentials ADD COLUMN created_by TEXT;
ALTER TABLE credentials ADD COLUMN issuers TEXT;
UPDATE credentials SET issuers = '[]' WHERE role = 'operator';
-- The last call, as far as it was written; and the last warning that it expires.
ALTER TABLE credentials ADD COLUMN last_used_at TIMESTAMPTZ;
ALTER TABLE credentials ADD COLUMN warned_at TIMESTAMPTZ;

-- The password would not be accepted as a new one. None is no.
ALTER TABLE sign_ins ADD COLUMN weak_password BOOLEAN;
