-- Rows that change soon after they are written, and often, find room on their own page: no index has to learn of
-- the change, and no other page is touched.
ALTER TABLE sign_ins SET (fillfactor = 75);
ALTER TABLE challenges SET (fillfactor = 75);
ALTER TABLE factors SET (fillfactor = 85);
ALTER TABLE attempts SET (fillfactor = 60);
ALTER TABLE sessions SET (fillfactor = 85);

-- Most events are written once without a number, and numbered once.
DROP INDEX events_in_sequence;
CREATE UNIQUE INDEX events_in_sequence ON events (realm_id, sequence) WHERE sequence IS NOT NULL;
