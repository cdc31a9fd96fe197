-- +goose Up
-- What the pages for people look like, and who has which licence. The same as in ../sqlite; only the types differ.
CREATE TABLE pictures (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    hash   TEXT COLLATE "C" NOT NULL,
    body   BYTEA NOT NULL,
    PRIMARY KEY (tenant, hash)
);

-- A licence given to one person (people.id) or to everybody of a group (groups.object) and of the groups in it.
CREATE TABLE licences (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    part     TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, part, kind, subject)
);
CREATE INDEX licences_subject ON licences (tenant, kind, subject);
