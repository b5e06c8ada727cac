-- +goose Up

-- One row is one incarnation of a node; the fence locks it, so renewals live elsewhere.
CREATE TABLE nodes (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name    text   COLLATE "C" NOT NULL,
  epoch   bigint NOT NULL,
  address text   NOT NULL DEFAULT '',
  started timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leases (
  node     bigint PRIMARY KEY REFERENCES nodes ON DELETE CASCADE,
  epoch    bigint NOT NULL,
  renewals bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE cells (
  cell       text   COLLATE "C" PRIMARY KEY,
  node       bigint,
  node_epoch bigint,
  claim      bigint NOT NULL
) WITH (fillfactor = 50);

-- One row is one block; seq is its first event's, and the slot is the compare-and-set.
CREATE TABLE journal (
  entity  uuid     NOT NULL,
  seq     bigint   NOT NULL,
  token   bigint   NOT NULL, -- of the batch: answers "was that mine?" after a lost commit
  stream  bigint   NOT NULL, -- the incarnation that wrote it
  pos     bigint   NOT NULL, -- its own counter: log order is commit order
  n       integer  NOT NULL,
  kind    smallint NOT NULL,
  cell    text     COLLATE "C" NOT NULL,
  payload bytea    NOT NULL,
  PRIMARY KEY (entity, seq)
);
ALTER TABLE journal ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX journal_pos ON journal USING brin (stream, pos) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE heads (
  entity uuid     PRIMARY KEY,
  seq    bigint   NOT NULL, -- 0: no snapshot
  cell   text     COLLATE "C" NOT NULL,
  kind   smallint NOT NULL,
  live   boolean  NOT NULL,
  due    timestamptz,
  state  bytea
) WITH (fillfactor = 50);
ALTER TABLE heads ALTER state SET STORAGE EXTERNAL;
CREATE INDEX heads_cell ON heads (cell, entity);
CREATE INDEX heads_live ON heads (cell, entity) WHERE live;

-- A session writes for the node and epoch that it names. FOR SHARE waits for whoever
-- raises the epoch, and makes him wait for us.
-- +goose StatementBegin
CREATE FUNCTION fence() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM nodes
    WHERE id = nullif(current_setting('brigata.node', true), '')::bigint
      AND epoch = nullif(current_setting('brigata.epoch', true), '')::bigint
    FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'node % is fenced at epoch %', current_setting('brigata.node', true), current_setting('brigata.epoch', true)
      USING ERRCODE = 'BF001';
  END IF;
END $$;
-- +goose StatementEnd

-- After the statement, so that a client that pauses in mid-COPY holds no lock which an
-- evictor waits for.
-- +goose StatementBegin
CREATE FUNCTION journal_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fence();
  INSERT INTO heads AS h (entity, seq, cell, kind, live)
    SELECT entity, 0, cell, kind, true FROM fresh WHERE seq = 1
    ON CONFLICT (entity) DO UPDATE SET live = true WHERE NOT h.live;
  UPDATE heads SET live = true
    WHERE entity = ANY (ARRAY(SELECT entity FROM fresh WHERE seq > 1)) AND NOT live;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER journal_written AFTER INSERT ON journal REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION journal_written();

-- +goose StatementBegin
CREATE FUNCTION heads_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fence();
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER heads_written AFTER INSERT OR UPDATE ON heads
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION heads_written();

-- +goose Down
DROP TABLE heads, journal, cells, leases, nodes;
DROP FUNCTION heads_written, journal_written, fence;
