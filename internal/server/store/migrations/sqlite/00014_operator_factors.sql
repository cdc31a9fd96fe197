-- +goose Up
-- Administrators' passkeys, their accounts at an OpenID provider, and how each session was begun. The same as in ../postgres.

-- A passkey is found by the hash of its credential's id: it may come without a name.
CREATE TABLE operator_passkeys (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    operator TEXT NOT NULL,
    hash     BLOB NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    secret   BLOB NOT NULL,
    step     INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    warned   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE INDEX operator_passkeys_operator ON operator_passkeys (tenant, operator);

CREATE TABLE operator_identities (
    tenant   TEXT NOT NULL,
    issuer   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    operator TEXT NOT NULL,
    mail     TEXT NOT NULL,
    mapped   INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    PRIMARY KEY (tenant, issuer, subject),
    UNIQUE (tenant, operator, issuer),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;

ALTER TABLE operator_sessions ADD COLUMN how TEXT NOT NULL DEFAULT 'password';
ALTER TABLE operator_sessions ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;
