-- Dates: ladders, exemptions, schedules, and the numbers of rollouts.

-- A program of an earlier schema would not ask for the second step that a ladder requires.
UPDATE installation SET min_binary = 16 WHERE min_binary < 16;

-- When the account was first told that two-step will be required here.
ALTER TABLE ledger ADD COLUMN told_at TIMESTAMPTZ;
-- Since when a ladder is enforced here, as a sign-in first met it.
ALTER TABLE ledger ADD COLUMN required_since TIMESTAMPTZ;
-- Skips of the set-up that count, and when the last one was. NULL: none.
ALTER TABLE ledger ADD COLUMN skips BIGINT;
ALTER TABLE ledger ADD COLUMN skipped_at TIMESTAMPTZ;
-- The first sign-in after the deadline, and until when the set-up was put off, once.
ALTER TABLE ledger ADD COLUMN overdue_at TIMESTAMPTZ;
ALTER TABLE ledger ADD COLUMN postponed_until TIMESTAMPTZ;
-- By how many microseconds support extended the deadline, in all. NULL: not.
ALTER TABLE ledger ADD COLUMN extension BIGINT;
-- Until when support exempted the account, why, who did it, and when.
ALTER TABLE ledger ADD COLUMN exempt_until TIMESTAMPTZ;
ALTER TABLE ledger ADD COLUMN exempt_reason TEXT;
ALTER TABLE ledger ADD COLUMN exempt_by TEXT;
ALTER TABLE ledger ADD COLUMN exempted_at TIMESTAMPTZ;
CREATE INDEX ledger_exempt ON ledger (realm_id, rollout_key, account_id) WHERE exempt_until IS NOT NULL;
-- When the next reminder of the deadline is due, and which it is, from 0. NULL: none is.
ALTER TABLE ledger ADD COLUMN remind_at TIMESTAMPTZ;
ALTER TABLE ledger ADD COLUMN reminder BIGINT;
CREATE INDEX ledger_remind ON ledger (realm_id, remind_at) WHERE remind_at IS NOT NULL;

-- By when the session must be authenticated again, as it was first told. It never becomes later while more is required
-- than the session met.
ALTER TABLE sessions ADD COLUMN reauth_by TIMESTAMPTZ;

-- Since when the account knows the device whose token the sign-in presented.
ALTER TABLE sign_ins ADD COLUMN device_since TIMESTAMPTZ;

-- When the scheduler looks at the rollout next. NULL: no wave is to start by itself.
ALTER TABLE rollouts ADD COLUMN due_at TIMESTAMPTZ;
CREATE INDEX rollouts_due ON rollouts (due_at) WHERE due_at IS NOT NULL;

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

-- How far the worker has come that tells accounts of a ladder by mail: which revision it reads for, the account it read last,
-- when it began, and when it was through. One row for each rollout that has reminders.
CREATE TABLE tellings (
  realm_id UUID NOT NULL,
  rollout_key TEXT NOT NULL,
  revision BIGINT NOT NULL,
  after_account UUID NOT NULL,
  began_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, rollout_key)
);
