-- +goose Up

ALTER TABLE nodes ADD format integer NOT NULL DEFAULT 0;  -- what the process can read
ALTER TABLE cells ADD needs  integer NOT NULL DEFAULT 0;  -- the format that a node needs to open the cell

-- A cell is found by its row here: those from before the rows were kept get one.
INSERT INTO cells (cell, claim)
  WITH RECURSIVE c AS (
    (SELECT min(cell) AS cell FROM heads)
    UNION ALL SELECT (SELECT min(h.cell) FROM heads h WHERE h.cell > c.cell) FROM c WHERE c.cell IS NOT NULL)
  SELECT cell, 0 FROM c WHERE cell IS NOT NULL
  ON CONFLICT DO NOTHING;

-- +goose Down
ALTER TABLE cells DROP needs;
ALTER TABLE nodes DROP format;
