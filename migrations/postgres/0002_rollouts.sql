-- What a rollout's life needs: customers, labels, interest, and marks of what was shown that a roll back can
-- take back.

CREATE TABLE customers (
  realm_id UUID NOT NULL,
  customer_key TEXT COLLATE "C" NOT NULL,
  customer_id UUID NOT NULL,
  title TEXT NOT NULL,
  country TEXT,
  labels TEXT NOT NULL,
  revision BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, customer_key),
  UNIQUE (realm_id, customer_id)
);

ALTER TABLE accounts ADD COLUMN customer_key TEXT COLLATE "C";
ALTER TABLE accounts ADD COLUMN labels TEXT;

CREATE TABLE interest (
  realm_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  account_id UUID NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, product_key, account_id)
);
CREATE INDEX interest_of_account ON interest (realm_id, account_id);

-- The revision that decided so, and the wave that reached the account; empty where it is not known.
ALTER TABLE ledger ADD COLUMN shown_revision BIGINT;
ALTER TABLE ledger ADD COLUMN shown_wave BIGINT;
CREATE INDEX ledger_of_rollout ON ledger (realm_id, rollout_key, product_key);

-- The rollout that reached the account when it began.
ALTER TABLE enrollments ADD COLUMN rollout_key TEXT COLLATE "C";
CREATE INDEX enrollments_of_rollout ON enrollments (realm_id, rollout_key, product_key);
