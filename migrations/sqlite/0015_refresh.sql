-- Sessions that are refreshed: their tokens are replaced at each use.

-- A program of an earlier schema would leave refresh tokens valid when it ends the trust of an account.
UPDATE installation SET min_binary = 15 WHERE min_binary < 15;

-- The digest of what all refresh tokens of the session begin with. NULL: it has none.
ALTER TABLE sessions ADD COLUMN refresh_series BLOB;
-- The digests of the newest token and of the one before, and when that was first replaced.
ALTER TABLE sessions ADD COLUMN refresh_digest BLOB;
ALTER TABLE sessions ADD COLUMN refresh_previous BLOB;
ALTER TABLE sessions ADD COLUMN refreshed_at INTEGER;
-- Until when it can be refreshed, and in which epoch of its account. NULL: not any more.
ALTER TABLE sessions ADD COLUMN refresh_until INTEGER;
ALTER TABLE sessions ADD COLUMN refresh_epoch INTEGER;
CREATE UNIQUE INDEX sessions_refreshed ON sessions (realm_id, refresh_series) WHERE refresh_series IS NOT NULL;
