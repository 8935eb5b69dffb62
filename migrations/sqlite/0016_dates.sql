-- The funnel of rollouts: events of the log, counted by the hour. A program of an earlier schema counts nothing, and the
-- next one goes on where the counting stopped.
CREATE TABLE rollout_hours (
  realm_id BLOB NOT NULL,
  rollout_key TEXT NOT NULL,
  hour INTEGER NOT NULL,
  -- 0: none.
  wave INTEGER NOT NULL,
  product_key TEXT NOT NULL,
  -- Empty: none.
  method TEXT NOT NULL,
  step TEXT NOT NULL,
  -- Empty: none.
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (realm_id, rollout_key, hour, wave, product_key, method, step, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollout_hours_by_hour ON rollout_hours (realm_id, hour);

-- Up to which event the log of a realm is counted, and when that event was sealed.
CREATE TABLE rollout_folds (
  realm_id BLOB NOT NULL,
  last_sequence INTEGER NOT NULL,
  sealed_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id)
) STRICT, WITHOUT ROWID;
