-- +goose Up

-- One index for what lists need, in place of two: what is live, and with a second look the
-- rest. A new order is in one index less. Commits wait while it is made, about a second for
-- a million entities; made concurrently it would wait for the nodes that wait for us.
CREATE INDEX heads_lists ON heads (cell, live, entity);
DROP INDEX heads_cell, heads_live;

-- An entity's first block finds no head, but where a snapshot came without one: to insert
-- on conflict would try each row first, and log it twice.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION journal_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fence();
  UPDATE heads SET live = true
    WHERE entity = ANY (ARRAY(SELECT entity FROM fresh)) AND NOT live;
  INSERT INTO heads (entity, seq, cell, kind, live)
    SELECT entity, 0, cell, kind, true FROM fresh f
    WHERE seq = 1 AND NOT EXISTS (SELECT FROM heads h WHERE h.entity = f.entity);
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose Down
CREATE INDEX heads_cell ON heads (cell, entity);
CREATE INDEX heads_live ON heads (cell, entity) WHERE live;
DROP INDEX heads_lists;
