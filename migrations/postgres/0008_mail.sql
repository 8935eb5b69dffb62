-- Codes by mail, and budgets of what is sent.

-- A program of an earlier schema does not know the method.
UPDATE installation SET min_binary = 8 WHERE min_binary < 8;

-- A verified address is a factor, whose codes are mailed. Each product decides whether it counts.
INSERT INTO factors (realm_id, account_id, factor_id, method, mark, created_at)
  SELECT realm_id, account_id, gen_random_uuid(), 'email_code', 0, email_verified_at FROM accounts WHERE email_verified_at IS NOT NULL;

-- The newest sends to a destination for a purpose, as a list of instants.
CREATE TABLE sends (
  realm_id UUID NOT NULL,
  destination BYTEA NOT NULL,
  purpose TEXT COLLATE "C" NOT NULL,
  sent TEXT NOT NULL,
  PRIMARY KEY (realm_id, destination, purpose)
);

-- The messages of an account, the newest first.
CREATE INDEX deliveries_of_account ON deliveries (realm_id, account_id, delivery_id);
