-- Dates: waves that start by themselves.

-- A program of an earlier schema cannot read rollouts with planned starts, and would leave due_at as it was.
UPDATE installation SET min_binary = 16 WHERE min_binary < 16;

-- When the scheduler looks at the rollout next. NULL: no wave is to start by itself.
ALTER TABLE rollouts ADD COLUMN due_at INTEGER;
CREATE INDEX rollouts_due ON rollouts (due_at) WHERE due_at IS NOT NULL;
