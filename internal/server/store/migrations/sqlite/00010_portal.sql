-- +goose Up
-- What the pages for people look like, and who has which licence. The same as in ../postgres; only the types differ.
CREATE TABLE pictures (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    hash   TEXT NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT;

-- A licence given to one person (people.id) or to everybody of a group (groups.object) and of the groups in it.
CREATE TABLE licences (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    part     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    operator TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, part, kind, subject)
) STRICT;
CREATE INDEX licences_subject ON licences (tenant, kind, subject);
