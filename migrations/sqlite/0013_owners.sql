-- An owner's life after the first sign-in: passwords, addresses, sessions, notices, support.

-- A program of an earlier schema does not know what ends a session.
UPDATE installation SET min_binary = 13 WHERE min_binary < 13;

-- Raised by every event that ends what was begun before: sign-ins and trust of an earlier epoch count no more. None is zero.
ALTER TABLE accounts ADD COLUMN epoch INTEGER;
ALTER TABLE sign_ins ADD COLUMN epoch INTEGER;
ALTER TABLE devices ADD COLUMN epoch INTEGER;

-- Since when a new password is demanded, by mail, before the next sign-in with one.
ALTER TABLE passwords ADD COLUMN demanded_at INTEGER;

-- How many of the guesses in a row have been found wrong. The others are under way. None is zero.
ALTER TABLE attempts ADD COLUMN settled INTEGER;

-- Where it was begun or last used from, as the owner is shown it; sealed with the account's own key.
ALTER TABLE sessions ADD COLUMN client BLOB;
ALTER TABLE devices ADD COLUMN client BLOB;

-- Proofs that failed in the session since the last one that did not. None is zero.
ALTER TABLE sessions ADD COLUMN failed_proofs INTEGER;

-- When the password was last reset by a mailed link.
ALTER TABLE passwords ADD COLUMN reset_at INTEGER;

-- Somebody asked to reset the password of an identifier, known or not. A worker finds out.
CREATE TABLE recoveries (
  realm_id BLOB NOT NULL,
  recovery_id BLOB NOT NULL,
  material BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, recovery_id)
) STRICT, WITHOUT ROWID;

-- How a batch's digest is computed. Earlier programs do not say it: they compute it without the personal fields.
ALTER TABLE chain ADD COLUMN tag TEXT;

-- The keys that sign a realm's assertions, sealed. A public key is computed from its private one, and not stored.
CREATE TABLE signing_keys (
  realm_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  key_id BLOB NOT NULL,
  sealed_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  signs_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, number)
) STRICT, WITHOUT ROWID;

-- The secret that a rotation replaced, and until when it is accepted.
ALTER TABLE credentials ADD COLUMN previous_digest BLOB;
ALTER TABLE credentials ADD COLUMN previous_until INTEGER;
-- By whom it was created; and who has known a secret of it besides its holder, up to an operator. NULL: not known, because
-- an earlier version made it. Only operators make operators.
ALTER TABLE credentials ADD COLUMN created_by TEXT;
ALTER TABLE credentials ADD COLUMN issuers TEXT;
UPDATE credentials SET issuers = '[]' WHERE role = 'operator';
-- The last call, as far as it was written; and the last warning that it expires.
ALTER TABLE credentials ADD COLUMN last_used_at INTEGER;
ALTER TABLE credentials ADD COLUMN warned_at INTEGER;

-- The password would not be accepted as a new one. None is no.
ALTER TABLE sign_ins ADD COLUMN weak_password INTEGER;
