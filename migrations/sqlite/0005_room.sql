-- Most events are written once without a number, and numbered once.
DROP INDEX events_in_sequence;
CREATE UNIQUE INDEX events_in_sequence ON events (realm_id, sequence) WHERE sequence IS NOT NULL;
