-- A challenge belongs to a sign-in, or to a session whose owner changes what protects the account. A column
-- that may be empty from now on takes a new table here.
CREATE TABLE challenges_anew (
  realm_id BLOB NOT NULL,
  challenge_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  sign_in_id BLOB,
  factor_id BLOB NOT NULL,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  session_id BLOB,
  PRIMARY KEY (realm_id, challenge_id)
) STRICT, WITHOUT ROWID;
INSERT INTO challenges_anew (realm_id, challenge_id, account_id, sign_in_id, factor_id, purpose, state, tries, created_at, expires_at)
SELECT realm_id, challenge_id, account_id, sign_in_id, factor_id, purpose, state, tries, created_at, expires_at FROM challenges;
DROP TABLE challenges;
ALTER TABLE challenges_anew RENAME TO challenges;
CREATE INDEX challenges_of_account ON challenges (realm_id, account_id);

-- What was proved in a session after the sign-in that made it; empty: nothing was.
ALTER TABLE sessions ADD COLUMN later_proofs TEXT;
