-- The funnel of rollouts: events of the log, counted by the hour. A program of an earlier schema counts nothing, and the
-- next one goes on where the counting stopped.
CREATE TABLE rollout_hours (
  realm_id UUID NOT NULL,
  rollout_key TEXT COLLATE "C" NOT NULL,
  hour TIMESTAMPTZ NOT NULL,
  -- 0: none.
  wave BIGINT NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  -- Empty: none.
  method TEXT NOT NULL,
  step TEXT NOT NULL,
  -- Empty: none.
  reason TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (realm_id, rollout_key, hour, wave, product_key, method, step, reason)
);
CREATE INDEX rollout_hours_by_hour ON rollout_hours (realm_id, hour);

-- Up to which event the log of a realm is counted, and when that event was sealed.
CREATE TABLE rollout_folds (
  realm_id UUID NOT NULL,
  last_sequence BIGINT NOT NULL,
  sealed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id)
);
