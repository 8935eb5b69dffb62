-- Codes by SMS.

-- A program of an earlier schema does not know the method.
UPDATE installation SET min_binary = 12 WHERE min_binary < 12;

-- What the messages of an hour to a country have cost.
CREATE TABLE sms_costs (
  realm_id BLOB NOT NULL,
  country TEXT NOT NULL,
  hour INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  blocked INTEGER NOT NULL,
  PRIMARY KEY (realm_id, country, hour)
) STRICT, WITHOUT ROWID;

-- The gateway's own id of a message, by which its receipts name it.
ALTER TABLE deliveries ADD COLUMN gateway_id TEXT;
CREATE INDEX deliveries_by_gateway_id ON deliveries (gateway_id) WHERE gateway_id IS NOT NULL;
