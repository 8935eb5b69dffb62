-- Enrolled devices: push prompts and codes that a device shows.

-- A program of an earlier schema knows neither the methods nor a denied challenge.
UPDATE installation SET min_binary = 10 WHERE min_binary < 10;

-- A device names its factor, and not its account.
CREATE UNIQUE INDEX factors_by_id ON factors (realm_id, factor_id);

-- What waits on a device.
CREATE INDEX challenges_of_device ON challenges (realm_id, factor_id) WHERE method IN ('push', 'device_code');

-- Factors that are asked nothing for a time.
CREATE TABLE pauses (
  realm_id BLOB NOT NULL,
  factor_id BLOB NOT NULL,
  denials INTEGER NOT NULL,
  until INTEGER,
  unreachable_at INTEGER,
  PRIMARY KEY (realm_id, factor_id)
) STRICT, WITHOUT ROWID;

