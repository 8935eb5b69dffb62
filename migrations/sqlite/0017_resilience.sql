-- Resilience.

-- Processes: which programs serve this database. A program whose beat stands still for as long as its patience is taken for
-- dead, and what it claimed is free. On SQLite, which one program uses at a time, there is a row only while space is sought.
CREATE TABLE processes (
  -- The realm that init made: it stands for the installation.
  realm_id BLOB NOT NULL,
  process_id BLOB NOT NULL,
  beat INTEGER NOT NULL,
  -- In microseconds.
  patience INTEGER NOT NULL,
  -- Written after a write that failed for want of space, to see whether there is space again. NULL: none is sought.
  ballast BLOB,
  PRIMARY KEY (realm_id, process_id)
) STRICT, WITHOUT ROWID;

-- Which process sends a message now, and at which try. A program of an earlier schema writes no row; its claims end with their
-- time.
CREATE TABLE delivery_claims (
  realm_id BLOB NOT NULL,
  delivery_id BLOB NOT NULL,
  process_id BLOB NOT NULL,
  tries INTEGER NOT NULL,
  PRIMARY KEY (realm_id, delivery_id, process_id)
) STRICT, WITHOUT ROWID;
