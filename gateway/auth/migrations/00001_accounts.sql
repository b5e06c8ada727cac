-- Read by SQLite and by Postgres: only what both understand. Times are milliseconds
-- since 1970, lists are JSON, 0 and 1 are no and yes.

-- +goose Up
CREATE TABLE auth_users (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    roles      TEXT NOT NULL,
    stores     TEXT NOT NULL,
    channel    TEXT NOT NULL,
    password   TEXT NOT NULL, -- argon2id; '' for none
    once       INTEGER NOT NULL, -- the password only opens the choice of another
    pin        TEXT NOT NULL, -- argon2id under the installation's salt, so that it can be found; '' for none
    secret     TEXT NOT NULL, -- SHA-256 of a device's or partner's token; '' for none
    disabled   INTEGER NOT NULL,
    gen        BIGINT NOT NULL, -- tokens of an earlier one are void
    created_at BIGINT NOT NULL
);
CREATE INDEX auth_users_pin ON auth_users (pin);

-- Roles that differ from the built-in ones, or are not among them.
CREATE TABLE auth_roles (
    id          TEXT PRIMARY KEY,
    permissions TEXT NOT NULL
);

-- A family is all refresh tokens that came from one login: one row, the newest counts.
CREATE TABLE auth_families (
    id         TEXT PRIMARY KEY,
    subject    TEXT NOT NULL,
    guest      TEXT NOT NULL, -- JSON of the guest's claims; '' for users
    stores     TEXT NOT NULL, -- the login's device allows only these; '' for all of the user's
    current    TEXT NOT NULL, -- SHA-256
    previous   TEXT NOT NULL,
    nonce      TEXT NOT NULL,
    rotated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX auth_families_subject ON auth_families (subject);
CREATE INDEX auth_families_expires ON auth_families (expires_at);

CREATE TABLE auth_revocations (
    id       TEXT PRIMARY KEY,
    subject  TEXT NOT NULL, -- whose tokens before generation below are void
    below    BIGINT NOT NULL,
    family   TEXT NOT NULL, -- or: of which login
    gone     INTEGER NOT NULL, -- 0: a fresh token lets in again
    until_at BIGINT NOT NULL -- no token that it concerns lives longer
);

CREATE TABLE auth_keys (
    kid        TEXT PRIMARY KEY,
    node       TEXT NOT NULL,
    public     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE auth_attempts (
    name     TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    at       BIGINT NOT NULL,
    until_at BIGINT NOT NULL -- nobody may try before
);

CREATE TABLE auth_tables (
    store TEXT NOT NULL,
    place TEXT NOT NULL,
    code  TEXT NOT NULL UNIQUE,
    PRIMARY KEY (store, place)
);

CREATE TABLE auth_audit (
    id      TEXT PRIMARY KEY, -- sorts by time
    at      BIGINT NOT NULL,
    who     TEXT NOT NULL,
    role    TEXT NOT NULL,
    store   TEXT NOT NULL,
    action  TEXT NOT NULL,
    outcome TEXT NOT NULL, -- ok, or a refusal's code
    reason  TEXT NOT NULL,
    address TEXT NOT NULL,
    detail  TEXT NOT NULL,
    n       BIGINT NOT NULL -- how often, in that second
);

CREATE TABLE auth_settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
