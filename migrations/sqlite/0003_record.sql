-- The record: a place for each event in the one order that every reader sees, and the chain that proves it.

-- Who may do a realm's work of one name, and until when.
CREATE TABLE leases (
  realm_id BLOB NOT NULL,
  name TEXT NOT NULL,
  holder BLOB NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (realm_id, name)
) STRICT, WITHOUT ROWID;

-- One row for each batch of events that was sealed at once.
CREATE TABLE chain (
  realm_id BLOB NOT NULL,
  first_sequence INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  previous_digest BLOB NOT NULL,
  digest BLOB NOT NULL,
  seal BLOB NOT NULL,
  sealed_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id, last_sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_recent ON chain (sealed_at);

-- Where a realm's record begins, once its front was dropped.
CREATE TABLE chain_cuts (
  realm_id BLOB NOT NULL,
  last_sequence INTEGER NOT NULL,
  digest BLOB NOT NULL,
  seal BLOB NOT NULL,
  cut_at INTEGER NOT NULL,
  PRIMARY KEY (realm_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX events_in_sequence ON events (realm_id, sequence);
CREATE INDEX events_unsealed ON events (realm_id, event_id) WHERE sequence IS NULL;
-- The kind is read out of the fact's text, so that no column beside it can say something else.
CREATE INDEX events_of_kind ON events (realm_id, (substr(fact, 10, instr(substr(fact, 10), '"') - 1)), event_id);
