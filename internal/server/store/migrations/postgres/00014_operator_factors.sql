-- +goose Up
-- Administrators' passkeys, their accounts at an OpenID provider, and how each session was begun. The same as in ../sqlite.

-- A passkey is found by the hash of its credential's id: it may come without a name.
CREATE TABLE operator_passkeys (
    tenant   TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    hash     BYTEA NOT NULL UNIQUE,
    name     TEXT COLLATE "C" NOT NULL,
    secret   BYTEA NOT NULL,
    step     BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    used     BIGINT NOT NULL,
    warned   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);
CREATE INDEX operator_passkeys_operator ON operator_passkeys (tenant, operator);

CREATE TABLE operator_identities (
    tenant   TEXT COLLATE "C" NOT NULL,
    issuer   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    mail     TEXT COLLATE "C" NOT NULL,
    mapped   BOOLEAN NOT NULL,
    created  BIGINT NOT NULL,
    used     BIGINT NOT NULL,
    PRIMARY KEY (tenant, issuer, subject),
    UNIQUE (tenant, operator, issuer),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);

ALTER TABLE operator_sessions ADD COLUMN how TEXT COLLATE "C" NOT NULL DEFAULT 'password';
ALTER TABLE operator_sessions ADD COLUMN proven BIGINT NOT NULL DEFAULT 0;
