-- Read by SQLite and by Postgres: only what both understand. Times are milliseconds
-- since 1970, lists are JSON.

-- +goose Up
CREATE TABLE webhooks (
    id           TEXT PRIMARY KEY,
    store        TEXT NOT NULL,
    url          TEXT NOT NULL, -- '': the events are only kept to be asked for
    events       TEXT NOT NULL,
    secret       TEXT NOT NULL,
    former       TEXT NOT NULL, -- the secret before, which signs too until former_until
    former_until BIGINT NOT NULL,
    state        TEXT NOT NULL, -- active or disabled
    reason       TEXT NOT NULL,
    gen          BIGINT NOT NULL, -- a sender saves under the one that it began with
    position     BIGINT NOT NULL, -- events up to it are done with, but for those of late orders
    failing_at   BIGINT NOT NULL, -- of the first failure since the last success; 0: none
    delivered_at BIGINT NOT NULL,
    error        TEXT NOT NULL, -- of the last failure
    created_at   BIGINT NOT NULL,
    created_by   TEXT NOT NULL
);
CREATE INDEX webhooks_store ON webhooks (store);

-- Changes with every webhook, so that nodes look at one row each second.
CREATE TABLE webhook_changes (
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO webhook_changes (id, value) VALUES (1, '');

CREATE TABLE webhook_stores (
    store  TEXT PRIMARY KEY,
    n      BIGINT NOT NULL, -- number of the store's last event
    sender TEXT NOT NULL, -- who may number events and save positions: the last one who took it
    since  BIGINT NOT NULL -- what happened before is nobody's business
);

-- How far each order's log has been read.
CREATE TABLE webhook_orders (
    store  TEXT NOT NULL,
    entity TEXT NOT NULL,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (store, entity)
);
CREATE INDEX webhook_orders_at ON webhook_orders (store, at);

-- An index of the journal, in the order in which the events are told; what they say is
-- read from there.
CREATE TABLE webhook_events (
    store TEXT NOT NULL,
    n     BIGINT NOT NULL,
    order_id TEXT NOT NULL, 
    seq   BIGINT NOT NULL,
    type  TEXT NOT NULL,
    at    BIGINT NOT NULL,
    trace TEXT NOT NULL,
    PRIMARY KEY (store, n)
);
CREATE INDEX webhook_events_order ON webhook_events (store, order_id, n);
CREATE INDEX webhook_events_at ON webhook_events (store, at);

-- Orders whose events wait for one that was not taken: all from n on.
CREATE TABLE webhook_late (
    webhook TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    n       BIGINT NOT NULL,
    tries   INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    error   TEXT NOT NULL,
    PRIMARY KEY (webhook, order_id)
);

CREATE TABLE webhook_dead (
    webhook TEXT NOT NULL,
    n       BIGINT NOT NULL,
    order_id   TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    type    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    tries   INTEGER NOT NULL,
    error   TEXT NOT NULL,
    dead_at BIGINT NOT NULL,
    PRIMARY KEY (webhook, n)
);

-- +goose Down
DROP TABLE webhook_dead;
DROP TABLE webhook_late;
DROP TABLE webhook_events;
DROP TABLE webhook_orders;
DROP TABLE webhook_stores;
DROP TABLE webhook_changes;
DROP TABLE webhooks;
