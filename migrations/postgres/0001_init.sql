-- What every installation begins with. Keys are compared byte by byte, as on SQLite, whatever the database's
-- collation. Every key begins with the realm, but for the tables that find it.

-- One row: what this database demands of a program, a value that only the right master key opens, and an
-- instant before which no clock may fall.
CREATE TABLE installation (
  singleton BIGINT NOT NULL PRIMARY KEY,
  first_realm_id UUID NOT NULL,
  min_binary BIGINT NOT NULL,
  key_check BYTEA NOT NULL,
  clock_floor TIMESTAMPTZ NOT NULL,
  created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE realms (
  realm_id UUID NOT NULL PRIMARY KEY,
  created_in UUID NOT NULL,
  realm_key TEXT COLLATE "C" NOT NULL UNIQUE,
  title TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE credentials (
  credential_id UUID NOT NULL PRIMARY KEY,
  realm_id UUID NOT NULL,
  role TEXT NOT NULL,
  products TEXT,
  title TEXT NOT NULL,
  holder TEXT NOT NULL,
  token_digest BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ,
  revoked_at TIMESTAMPTZ
);
CREATE INDEX credentials_of_realm ON credentials (realm_id, credential_id);

CREATE TABLE requests (
  realm_id UUID NOT NULL,
  credential_id UUID NOT NULL,
  method TEXT NOT NULL,
  request_id UUID NOT NULL,
  body_digest BYTEA NOT NULL,
  claim_id UUID NOT NULL,
  lease_until TIMESTAMPTZ NOT NULL,
  outcome BYTEA,
  secrets BYTEA,
  secrets_until TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, credential_id, method, request_id)
);

CREATE TABLE products (
  realm_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  title TEXT NOT NULL,
  link_url TEXT NOT NULL,
  allowed_methods TEXT NOT NULL,
  trusted_device BIGINT NOT NULL,
  session_idle BIGINT NOT NULL,
  session_absolute BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, product_key)
);

CREATE TABLE rollouts (
  realm_id UUID NOT NULL,
  rollout_key TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (realm_id, rollout_key)
);

CREATE TABLE rollout_revisions (
  realm_id UUID NOT NULL,
  rollout_key TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  reason TEXT,
  at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, rollout_key, revision)
);

CREATE TABLE accounts (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  external_id TEXT,
  email TEXT,
  email_canonical TEXT,
  email_since TIMESTAMPTZ,
  email_verified_at TIMESTAMPTZ,
  country TEXT,
  state TEXT NOT NULL,
  two_step_since TIMESTAMPTZ,
  personal_key BYTEA NOT NULL,
  import_digest BYTEA,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, account_id),
  UNIQUE (realm_id, external_id),
  UNIQUE (realm_id, email_canonical)
);

CREATE TABLE passwords (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  hash TEXT NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, account_id)
);

CREATE TABLE links (
  realm_id UUID NOT NULL,
  token_digest BYTEA NOT NULL,
  account_id UUID NOT NULL,
  target TEXT NOT NULL,
  email_canonical TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  used_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, token_digest)
);

CREATE TABLE enrollments (
  realm_id UUID NOT NULL,
  enrollment_id UUID NOT NULL,
  account_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  device_id TEXT,
  method TEXT NOT NULL,
  state TEXT NOT NULL,
  factor_id UUID NOT NULL,
  seed BYTEA,
  tries BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, enrollment_id)
);
CREATE INDEX enrollments_of_account ON enrollments (realm_id, account_id);

CREATE TABLE sign_ins (
  realm_id UUID NOT NULL,
  sign_in_id UUID NOT NULL,
  account_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  token_digest BYTEA NOT NULL,
  state TEXT NOT NULL,
  requirement TEXT NOT NULL,
  proofs TEXT NOT NULL,
  series_id UUID,
  device_id TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, sign_in_id),
  UNIQUE (realm_id, token_digest)
);
CREATE INDEX sign_ins_of_account ON sign_ins (realm_id, account_id);

CREATE TABLE sessions (
  realm_id UUID NOT NULL,
  session_id UUID NOT NULL,
  account_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  device_id TEXT,
  token_digest BYTEA NOT NULL,
  proofs TEXT NOT NULL,
  trusted BOOLEAN NOT NULL,
  met TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  last_used_at TIMESTAMPTZ NOT NULL,
  idle BIGINT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  end_reason TEXT,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, session_id),
  UNIQUE (realm_id, token_digest)
);
CREATE INDEX sessions_of_account ON sessions (realm_id, account_id, product_key);

CREATE TABLE devices (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  device_id TEXT NOT NULL,
  series_id UUID NOT NULL,
  token_digest BYTEA NOT NULL,
  previous_digest BYTEA,
  rotated_at TIMESTAMPTZ NOT NULL,
  trusted_until TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, account_id, product_key, device_id)
);

CREATE TABLE challenges (
  realm_id UUID NOT NULL,
  challenge_id UUID NOT NULL,
  account_id UUID NOT NULL,
  sign_in_id UUID NOT NULL,
  factor_id UUID NOT NULL,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  tries BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, challenge_id)
);
CREATE INDEX challenges_of_account ON challenges (realm_id, account_id);

CREATE TABLE factors (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  factor_id UUID NOT NULL,
  method TEXT NOT NULL,
  seed BYTEA,
  last_step BIGINT,
  created_at TIMESTAMPTZ NOT NULL,
  last_used_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, account_id, factor_id)
);

CREATE TABLE recovery_codes (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  factor_id UUID NOT NULL,
  number BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  used_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, account_id, factor_id, number)
);

CREATE TABLE ledger (
  realm_id UUID NOT NULL,
  account_id UUID NOT NULL,
  rollout_key TEXT COLLATE "C" NOT NULL,
  product_key TEXT COLLATE "C" NOT NULL,
  first_shown_at TIMESTAMPTZ,
  active_since TIMESTAMPTZ,
  PRIMARY KEY (realm_id, account_id, rollout_key, product_key)
);

-- A counter is a factor's, an account's password's, or one of a fixed number of places that identifiers
-- of nobody share; tag says which identifier has the place now.
CREATE TABLE attempts (
  realm_id UUID NOT NULL,
  counter_id UUID NOT NULL,
  tag BYTEA NOT NULL,
  revision BIGINT NOT NULL,
  hour_began TIMESTAMPTZ NOT NULL,
  in_hour BIGINT NOT NULL,
  day_began TIMESTAMPTZ NOT NULL,
  in_day BIGINT NOT NULL,
  in_row BIGINT NOT NULL,
  successes BIGINT NOT NULL,
  last_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, counter_id)
);

CREATE TABLE deliveries (
  realm_id UUID NOT NULL,
  delivery_id UUID NOT NULL,
  account_id UUID NOT NULL,
  template TEXT NOT NULL,
  state TEXT NOT NULL,
  payload BYTEA,
  tries BIGINT NOT NULL,
  next_try_at TIMESTAMPTZ NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, delivery_id)
);
CREATE INDEX deliveries_due ON deliveries (state, next_try_at);

-- The log. sequence is empty until the sealer gives it; fact is text on both engines, because its exact
-- bytes are what the chain will hash.
CREATE TABLE events (
  realm_id UUID NOT NULL,
  event_id UUID NOT NULL,
  sequence BIGINT,
  at TIMESTAMPTZ NOT NULL,
  actor TEXT NOT NULL,
  product_key TEXT,
  account_id UUID,
  fact TEXT NOT NULL,
  personal BYTEA,
  PRIMARY KEY (realm_id, event_id)
);
CREATE INDEX events_of_account ON events (realm_id, account_id, event_id);
