-- A challenge belongs to a sign-in, or to a session whose owner changes what protects the account.
ALTER TABLE challenges ALTER COLUMN sign_in_id DROP NOT NULL;
ALTER TABLE challenges ADD COLUMN session_id UUID;

-- What was proved in a session after the sign-in that made it; empty: nothing was.
ALTER TABLE sessions ADD COLUMN later_proofs TEXT;
