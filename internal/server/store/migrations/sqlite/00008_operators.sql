-- +goose Up
-- Administrators: accounts, one-time set-up links, recovery codes, sessions. The same as in ../postgres.

CREATE TABLE operators (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_fold TEXT NOT NULL UNIQUE,
    role      TEXT NOT NULL,
    password  TEXT NOT NULL,
    seed      BLOB NOT NULL,
    step      INTEGER NOT NULL,
    disabled  INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE TABLE operator_links (
    hash     BLOB PRIMARY KEY,
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE INDEX operator_links_operator ON operator_links (tenant, operator);

CREATE TABLE operator_recovery (
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    hash     BLOB NOT NULL,
    PRIMARY KEY (tenant, operator, hash),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;

CREATE TABLE operator_sessions (
    hash     BLOB PRIMARY KEY,
    id       TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    address  TEXT NOT NULL,
    browser  TEXT NOT NULL,
    UNIQUE (tenant, operator, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE INDEX operator_sessions_expires ON operator_sessions (expires);

-- The filters of the audit page: each ends with seq, by which it pages.
CREATE INDEX audit_at ON audit (tenant, at, seq);
CREATE INDEX audit_activity ON audit (tenant, activity, seq);
CREATE INDEX audit_activity_result ON audit (tenant, activity, result, seq);
CREATE INDEX audit_result ON audit (tenant, result, seq);
CREATE INDEX audit_actor ON audit (tenant, actor, seq);
CREATE INDEX audit_target ON audit (tenant, target, seq);
