-- Factors live: recovery codes sign in, and an account has several factors. Messages have channels and purposes.

-- A program of an earlier schema takes a session after a recovery code for a full one.
UPDATE installation SET min_binary = 7 WHERE min_binary < 7;

-- An enrollment that a proof of a factor began may add to the factors. Earlier ones bind only a first factor.
ALTER TABLE enrollments ADD COLUMN proved_by UUID;

-- Until now every message was a mail.
ALTER TABLE deliveries RENAME COLUMN template TO purpose;
ALTER TABLE deliveries ADD COLUMN channel TEXT;
UPDATE deliveries SET channel = 'mail';
ALTER TABLE deliveries ALTER COLUMN channel SET NOT NULL;
ALTER TABLE deliveries ADD COLUMN problem TEXT;
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (channel, state, next_try_at);
