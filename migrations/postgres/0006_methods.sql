-- One shape for every method: what a factor is verified with, a mark that rises, and what a challenge posed.

-- A program of an earlier schema reads columns that are gone.
UPDATE installation SET min_binary = 6 WHERE min_binary < 6;

ALTER TABLE factors RENAME COLUMN seed TO material;
ALTER TABLE factors RENAME COLUMN last_step TO mark;
UPDATE factors SET mark = 0 WHERE mark IS NULL;
ALTER TABLE factors ALTER COLUMN mark SET NOT NULL;
ALTER TABLE factors ADD COLUMN label TEXT;
ALTER TABLE factors ADD COLUMN hint TEXT;
ALTER TABLE factors ADD COLUMN lookup BYTEA;
-- Most factors have none.
CREATE UNIQUE INDEX factors_by_lookup ON factors (realm_id, lookup) WHERE lookup IS NOT NULL;

ALTER TABLE enrollments RENAME COLUMN seed TO material;
ALTER TABLE enrollments ADD COLUMN label TEXT;

-- Until now a challenge was of an authenticator app, and took five wrong answers. The factor may be gone.
ALTER TABLE challenges ALTER COLUMN factor_id DROP NOT NULL;
ALTER TABLE challenges ADD COLUMN method TEXT;
ALTER TABLE challenges ADD COLUMN max_tries BIGINT;
ALTER TABLE challenges ADD COLUMN material BYTEA;
UPDATE challenges SET max_tries = 5, method = COALESCE((SELECT f.method FROM factors f WHERE f.realm_id = challenges.realm_id
  AND f.account_id = challenges.account_id AND f.factor_id = challenges.factor_id), 'totp');
ALTER TABLE challenges ALTER COLUMN method SET NOT NULL;
ALTER TABLE challenges ALTER COLUMN max_tries SET NOT NULL;

ALTER TABLE links ADD COLUMN superseded_at TIMESTAMPTZ;
CREATE INDEX links_of_account ON links (realm_id, account_id);

-- A product's settings are one document, as rollouts are; spans are microseconds.
ALTER TABLE products ADD COLUMN settings TEXT;
UPDATE products SET settings = '{"link_url":' || to_json(link_url)::text
  || ',"methods":{"rules":[' || COALESCE((SELECT string_agg('{"method":' || to_json(m.method)::text || ',"requires":[],"removable":"always"}', ',' ORDER BY m.place)
    FROM json_array_elements_text(allowed_methods::json) WITH ORDINALITY AS m (method, place)), '')
  || '],"minimum":1,"phishing_resistant_only":false,"confirm_by_link":false,"email_is_factor":false}'
  || ',"trusted_device":' || trusted_device || ',"session_idle":' || session_idle || ',"session_absolute":' || session_absolute || '}';
ALTER TABLE products ALTER COLUMN settings SET NOT NULL;
ALTER TABLE products DROP COLUMN link_url;
ALTER TABLE products DROP COLUMN allowed_methods;
ALTER TABLE products DROP COLUMN trusted_device;
ALTER TABLE products DROP COLUMN session_idle;
ALTER TABLE products DROP COLUMN session_absolute;
