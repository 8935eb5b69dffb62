-- Addresses that change, owners who say "this wasn't me", and accounts in the hands of support.

-- A program of an earlier schema does not know that an account was deleted, or that changes of it are locked.
UPDATE installation SET min_binary = 14 WHERE min_binary < 14;

-- Since when nothing that protects the account can be changed: somebody said "this wasn't me". Until the owner has proved it.
ALTER TABLE accounts ADD COLUMN changes_locked_at TIMESTAMPTZ;
-- Since when it is deleted. After 30 days it is purged.
ALTER TABLE accounts ADD COLUMN deleted_at TIMESTAMPTZ;
-- Since when the owner is asked to use the second step once more, to see that it works; none: is not asked, or did.
ALTER TABLE accounts ADD COLUMN check_up_asked_at TIMESTAMPTZ;

-- Addresses that accounts shall have, and those that they had before. The former address can undo a change for a week.
CREATE TABLE email_changes (
  realm_id UUID NOT NULL,
  change_id UUID NOT NULL,
  account_id UUID NOT NULL,
  email TEXT NOT NULL,
  email_canonical TEXT NOT NULL,
  former_email TEXT,
  former_canonical TEXT,
  former_since TIMESTAMPTZ,
  former_verified_at TIMESTAMPTZ,
  state TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (realm_id, change_id)
);
CREATE INDEX email_changes_of_account ON email_changes (realm_id, account_id, change_id);

-- A code that support mails, an access pass, works until then. NULL: a code of the owner's own set, which does not expire.
ALTER TABLE recovery_codes ADD COLUMN expires_at TIMESTAMPTZ;

-- The accounts that wait to be purged.
CREATE INDEX accounts_deleted ON accounts (deleted_at) WHERE deleted_at IS NOT NULL AND state = 'deleted';
