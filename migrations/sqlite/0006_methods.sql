-- One shape for every method: what a factor is verified with, a mark that rises, and what a challenge posed.
-- A column that must not be empty, or may be empty from now on, takes a new table here.

-- A program of an earlier schema reads columns that are gone.
UPDATE installation SET min_binary = 6 WHERE min_binary < 6;

CREATE TABLE factors_new (
  realm_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  factor_id BLOB NOT NULL,
  method TEXT NOT NULL,
  material BLOB,
  mark INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  label TEXT,
  hint TEXT,
  lookup BLOB,
  PRIMARY KEY (realm_id, account_id, factor_id)
) STRICT, WITHOUT ROWID;
INSERT INTO factors_new (realm_id, account_id, factor_id, method, material, mark, created_at, last_used_at)
SELECT realm_id, account_id, factor_id, method, seed, COALESCE(last_step, 0), created_at, last_used_at FROM factors;
DROP TABLE factors;
ALTER TABLE factors_new RENAME TO factors;
-- Most factors have none.
CREATE UNIQUE INDEX factors_by_lookup ON factors (realm_id, lookup) WHERE lookup IS NOT NULL;

ALTER TABLE enrollments RENAME COLUMN seed TO material;
ALTER TABLE enrollments ADD COLUMN label TEXT;

-- Until now a challenge was of an authenticator app, and took five wrong answers. The factor may be gone.
CREATE TABLE challenges_new (
  realm_id BLOB NOT NULL,
  challenge_id BLOB NOT NULL,
  account_id BLOB NOT NULL,
  sign_in_id BLOB,
  factor_id BLOB,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  session_id BLOB,
  method TEXT NOT NULL,
  max_tries INTEGER NOT NULL,
  material BLOB,
  PRIMARY KEY (realm_id, challenge_id)
) STRICT, WITHOUT ROWID;
INSERT INTO challenges_new (realm_id, challenge_id, account_id, sign_in_id, factor_id, purpose, state, tries, created_at, expires_at, session_id, method, max_tries)
SELECT c.realm_id, c.challenge_id, c.account_id, c.sign_in_id, c.factor_id, c.purpose, c.state, c.tries, c.created_at, c.expires_at, c.session_id,
  COALESCE((SELECT f.method FROM factors f WHERE f.realm_id = c.realm_id AND f.account_id = c.account_id AND f.factor_id = c.factor_id), 'totp'), 5
FROM challenges c;
DROP TABLE challenges;
ALTER TABLE challenges_new RENAME TO challenges;
CREATE INDEX challenges_of_account ON challenges (realm_id, account_id);

ALTER TABLE links ADD COLUMN superseded_at INTEGER;
CREATE INDEX links_of_account ON links (realm_id, account_id);

-- A product's settings are one document, as rollouts are; spans are microseconds.
CREATE TABLE products_new (
  realm_id BLOB NOT NULL,
  product_key TEXT NOT NULL,
  title TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  settings TEXT NOT NULL,
  PRIMARY KEY (realm_id, product_key)
) STRICT, WITHOUT ROWID;
INSERT INTO products_new (realm_id, product_key, title, revision, created_at, updated_at, settings)
SELECT p.realm_id, p.product_key, p.title, p.revision, p.created_at, p.updated_at, '{"link_url":' || json_quote(p.link_url)
  || ',"methods":{"rules":[' || COALESCE((SELECT group_concat(r.rule, ',') FROM (SELECT '{"method":' || json_quote(m.value) || ',"requires":[],"removable":"always"}' AS rule
    FROM json_each(p.allowed_methods) m ORDER BY m.key) r), '')
  || '],"minimum":1,"phishing_resistant_only":false,"confirm_by_link":false,"email_is_factor":false}'
  || ',"trusted_device":' || p.trusted_device || ',"session_idle":' || p.session_idle || ',"session_absolute":' || p.session_absolute || '}'
FROM products p;
DROP TABLE products;
ALTER TABLE products_new RENAME TO products;
