-- Factors live: recovery codes sign in, and an account has several factors.

-- A program of an earlier schema takes a session after a recovery code for a full one.
UPDATE installation SET min_binary = 7 WHERE min_binary < 7;

-- An enrollment that began with a proof of the account's factors may add to them. Earlier ones, which have NULL, bind
-- only a first factor.
ALTER TABLE enrollments ADD COLUMN adds BOOLEAN;
