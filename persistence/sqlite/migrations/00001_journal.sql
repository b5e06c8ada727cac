-- +goose Up
CREATE TABLE streams (
  stream INTEGER PRIMARY KEY AUTOINCREMENT -- one row an opening: whose a block is
);

-- One row is one block; seq is its first event's, and the slot is the compare-and-set.
CREATE TABLE journal (
  entity  BLOB    NOT NULL,
  seq     INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  token   INTEGER NOT NULL,
  stream  INTEGER NOT NULL,
  pos     INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  cell    TEXT    NOT NULL,
  payload BLOB    NOT NULL,
  PRIMARY KEY (entity, seq)
);

CREATE TABLE heads (
  entity BLOB    NOT NULL PRIMARY KEY,
  seq    INTEGER NOT NULL, -- 0: no snapshot
  cell   TEXT    NOT NULL,
  kind   INTEGER NOT NULL,
  live   INTEGER NOT NULL,
  due    INTEGER,          -- microseconds since 1970
  state  BLOB
);
CREATE INDEX heads_cell ON heads (cell, entity);
CREATE INDEX heads_live ON heads (cell, entity) WHERE live;

-- +goose StatementBegin
CREATE TRIGGER journal_first AFTER INSERT ON journal WHEN new.seq = 1 BEGIN
  INSERT INTO heads (entity, seq, cell, kind, live) VALUES (new.entity, 0, new.cell, new.kind, 1)
    ON CONFLICT (entity) DO UPDATE SET live = 1 WHERE NOT live;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_next AFTER INSERT ON journal WHEN new.seq > 1 BEGIN
  UPDATE heads SET live = 1 WHERE entity = new.entity AND NOT live;
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE heads;
DROP TABLE journal;
DROP TABLE streams;
