-- What every installation begins with. Every key begins with the realm, but for the tables that find it.

-- One row: what this database demands of a program, a value that only the right master key opens, and an
-- instant before which no clock may fall.
CREATE TABLE installation (
  singleton INTEGER NOT NULL PRIMARY KEY,
  first_realm_id BLOB NOT NULL,
  min_binary INTEGER NOT NULL,
  key_check BLOB NOT NULL,
  clock_floor INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE realms (
  realm_id BLOB NOT NULL PRIMARY KEY,
  created_in BLOB NOT NULL,
  realm_key TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
  credential_id BLOB NOT NULL PRIMARY KEY,
  realm_id BLOB NOT NULL,
  role TEXT NOT NULL,
  products TEXT,
  title TEXT NOT NULL,
  holder TEXT NOT NULL,
  token_digest BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_of_realm ON credentials (realm_id, credential_id);

CREATE TABLE requests (
  realm_id BLOB NOT NULL,
  credential_id BLOB NOT NULL,
  method TEXT NOT NULL,
  request_id BLOB NOT NULL,
  body_digest BLOB NOT NULL,
  claim_id BLOB NOT NULL,
  lease_until INTEGER NOT NULL,
  outcome BLOB,
  secrets BLOB,
  secrets_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, credential_id, method, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
  realm_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  title TEXT NOT NULL,
  link_url TEXT NOT NULL,
  allowed_methods TEXT NOT NULL,
  trusted_device INTEGER NOT NULL,
  session_idle INTEGER NOT NULL,
  session_absolute INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, product_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollouts (
  realm_id BLOB NOT NULL,
  rollout_key TEXT NOT NULL,
  revision INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (realm_id, rollout_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollout_revisions (
  realm_id BLOB NOT NULL,
  rollout_key TEXT NOT NULL,
  revision INTEGER NOT NULL,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  reason TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, rollout_key, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  external_id TEXT,
  email TEXT,
  email_canonical TEXT,
  email_since INTEGER,
  email_verified_at INTEGER,
  country TEXT,
  state TEXT NOT NULL,
  two_step_since INTEGER,
  personal_key BLOB NOT NULL,
  import_digest BLOB,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, account_id),
  UNIQUE (realm_id, external_id),
  UNIQUE (realm_id, email_canonical)
) STRICT, WITHOUT ROWID;

CREATE TABLE passwords (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
  realm_id BLOB NOT NULL,
  token_digest BLOB NOT NULL,
  account_id BLOB NOT NULL,
  target TEXT NOT NULL,
  email_canonical TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (realm_id, token_digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE enrollments (
  realm_id BLOB NOT NULL,
  enrollment_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  device_id TEXT,
  method TEXT NOT NULL,
  state TEXT NOT NULL,
  factor_id BLOB NOT NULL,
  seed BLOB,
  tries INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, enrollment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX enrollments_of_account ON enrollments (realm_id, account_id);

CREATE TABLE sign_ins (
  realm_id BLOB NOT NULL,
  sign_in_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  token_digest BLOB NOT NULL,
  state TEXT NOT NULL,
  requirement TEXT NOT NULL,
  proofs TEXT NOT NULL,
  series_id BLOB,
  device_id TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, sign_in_id),
  UNIQUE (realm_id, token_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_of_account ON sign_ins (realm_id, account_id);

CREATE TABLE sessions (
  realm_id BLOB NOT NULL,
  session_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  device_id TEXT,
  token_digest BLOB NOT NULL,
  proofs TEXT NOT NULL,
  trusted INTEGER NOT NULL,
  met TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  idle INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  end_reason TEXT,
  ended_at INTEGER,
  PRIMARY KEY (realm_id, session_id),
  UNIQUE (realm_id, token_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (realm_id, account_id, product_key);

CREATE TABLE devices (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  device_id TEXT NOT NULL,
  series_id BLOB NOT NULL,
  token_digest BLOB NOT NULL,
  previous_digest BLOB,
  rotated_at INTEGER NOT NULL,
  trusted_until INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, account_id, product_key, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE challenges (
  realm_id BLOB NOT NULL,
  challenge_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  sign_in_id BLOB NOT NULL,
  factor_id BLOB NOT NULL,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, challenge_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_of_account ON challenges (realm_id, account_id);

CREATE TABLE factors (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  factor_id BLOB NOT NULL,
  method TEXT NOT NULL,
  seed BLOB,
  last_step INTEGER,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  PRIMARY KEY (realm_id, account_id, factor_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  factor_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  digest BLOB NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (realm_id, account_id, factor_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  rollout_key TEXT NOT NULL,
  product_key TEXT NOT NULL,
  first_shown_at INTEGER,
  active_since INTEGER,
  PRIMARY KEY (realm_id, account_id, rollout_key, product_key)
) STRICT, WITHOUT ROWID;

-- A counter is a factor's, an account's password's, or one of a fixed number of places that identifiers
-- of nobody share; tag says which identifier has the place now.
CREATE TABLE attempts (
  realm_id BLOB NOT NULL,
  counter_id BLOB NOT NULL,
  tag BLOB NOT NULL,
  revision INTEGER NOT NULL,
  hour_began INTEGER NOT NULL,
  in_hour INTEGER NOT NULL,
  day_began INTEGER NOT NULL,
  in_day INTEGER NOT NULL,
  in_row INTEGER NOT NULL,
  successes INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, counter_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
  realm_id BLOB NOT NULL,
  delivery_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  template TEXT NOT NULL,
  state TEXT NOT NULL,
  payload BLOB,
  tries INTEGER NOT NULL,
  next_try_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  PRIMARY KEY (realm_id, delivery_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (state, next_try_at);

-- The log. sequence is empty until the sealer gives it; fact is text on both engines, because its exact
-- bytes are what the chain will hash.
CREATE TABLE events (
  realm_id BLOB NOT NULL,
  event_id BLOB NOT NULL,
  sequence INTEGER,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  product_key TEXT,
  account_id BLOB,
  fact TEXT NOT NULL,
  personal BLOB,
  PRIMARY KEY (realm_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_of_account ON events (realm_id, account_id, event_id);
