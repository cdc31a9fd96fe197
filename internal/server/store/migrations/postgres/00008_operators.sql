-- +goose Up
-- Administrators: accounts, one-time set-up links, recovery codes, sessions. The same as in ../sqlite.

CREATE TABLE operators (
    tenant    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    name_fold TEXT COLLATE "C" NOT NULL UNIQUE,
    role      TEXT COLLATE "C" NOT NULL,
    password  TEXT COLLATE "C" NOT NULL,
    seed      BYTEA NOT NULL,
    step      BIGINT NOT NULL,
    disabled  BOOLEAN NOT NULL,
    created   BIGINT NOT NULL,
    changed   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE operator_links (
    hash     BYTEA PRIMARY KEY,
    tenant   TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);
CREATE INDEX operator_links_operator ON operator_links (tenant, operator);

CREATE TABLE operator_recovery (
    tenant   TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    hash     BYTEA NOT NULL,
    PRIMARY KEY (tenant, operator, hash),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);

CREATE TABLE operator_sessions (
    hash     BYTEA PRIMARY KEY,
    id       TEXT COLLATE "C" NOT NULL,
    tenant   TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    created  BIGINT NOT NULL,
    seen     BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    address  TEXT COLLATE "C" NOT NULL,
    browser  TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant, operator, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);
CREATE INDEX operator_sessions_expires ON operator_sessions (expires);

-- The filters of the audit page: each ends with seq, by which it pages.
CREATE INDEX audit_at ON audit (tenant, at, seq);
CREATE INDEX audit_activity ON audit (tenant, activity, seq);
CREATE INDEX audit_activity_result ON audit (tenant, activity, result, seq);
CREATE INDEX audit_result ON audit (tenant, result, seq);
CREATE INDEX audit_actor ON audit (tenant, actor, seq);
CREATE INDEX audit_target ON audit (tenant, target, seq);
