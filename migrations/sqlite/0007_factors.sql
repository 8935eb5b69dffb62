-- Factors live: recovery codes sign in, and an account has several factors.

-- A program of an earlier schema takes a session after a recovery code for a full one.
UPDATE installation SET min_binary = 7 WHERE min_binary < 7;

-- A pending enrollment that began before this may only bind a first factor.
ALTER TABLE enrollments ADD COLUMN adds INTEGER NOT NULL DEFAULT 0;
