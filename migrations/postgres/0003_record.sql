-- The record: a place for each event in the one order that every reader sees, and the chain that proves it.

-- Who may do a realm's work of one name, and until when.
CREATE TABLE leases (
  realm_id UUID NOT NULL,
  name TEXT NOT NULL,
  holder UUID NOT NULL,
  until TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, name)
);

-- One row for each batch of events that was sealed at once.
CREATE TABLE chain (
  realm_id UUID NOT NULL,
  first_sequence BIGINT NOT NULL,
  last_sequence BIGINT NOT NULL,
  previous_digest BYTEA NOT NULL,
  digest BYTEA NOT NULL,
  seal BYTEA NOT NULL,
  sealed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id, last_sequence)
);
CREATE INDEX chain_recent ON chain (sealed_at);

-- Where a realm's record begins, once its front was dropped.
CREATE TABLE chain_cuts (
  realm_id UUID NOT NULL,
  last_sequence BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  seal BYTEA NOT NULL,
  cut_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (realm_id)
);

CREATE UNIQUE INDEX events_in_sequence ON events (realm_id, sequence);
CREATE INDEX events_unsealed ON events (realm_id, event_id) WHERE sequence IS NULL;
-- The kind is read out of the fact's text, so that no column beside it can say something else.
CREATE INDEX events_of_kind ON events (realm_id, (split_part(fact, '"', 4)), event_id);
