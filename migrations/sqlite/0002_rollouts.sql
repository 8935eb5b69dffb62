-- What a rollout's life needs: customers, labels, interest, and marks of what was shown that a roll back can
-- take back.

CREATE TABLE customers (
  realm_id BLOB NOT NULL,
  customer_key TEXT NOT NULL,
  customer_id BLOB NOT NULL,
  title TEXT NOT NULL,
  country TEXT,
  labels TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, customer_key),
  UNIQUE (realm_id, customer_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE accounts ADD COLUMN customer_key TEXT;
ALTER TABLE accounts ADD COLUMN labels TEXT;

CREATE TABLE interest (
  realm_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  account_id BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, product_key, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX interest_of_account ON interest (realm_id, account_id);

-- The revision that decided so, and the wave that reached the account; empty where it is not known.
ALTER TABLE ledger ADD COLUMN shown_revision INTEGER;
ALTER TABLE ledger ADD COLUMN shown_wave INTEGER;
CREATE INDEX ledger_of_rollout ON ledger (realm_id, rollout_key, product_key);

-- The rollout that reached the account when it began.
ALTER TABLE enrollments ADD COLUMN rollout_key TEXT;
CREATE INDEX enrollments_of_rollout ON enrollments (realm_id, rollout_key, product_key);
