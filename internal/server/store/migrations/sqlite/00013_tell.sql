-- +goose Up
-- What an administrator is told: the audit page's entries, where exports stand, alerts. The same as in ../postgres.

-- One row for each entry of the audit page: the last row of an attempt but the mail that tells the person, and every row that
-- belongs to none. It is an index over audit, kept by whoever appends there; what a page shows is read from audit itself.
CREATE TABLE audit_entries (
    tenant   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    support  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    activity TEXT NOT NULL,
    result   TEXT NOT NULL,
    actor    TEXT NOT NULL,
    target   TEXT NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO audit_entries (tenant, seq, support, at, activity, result, actor, target)
    SELECT tenant, seq, support, at, activity, result, actor, target FROM audit
    WHERE event <> 34008 AND (support = '' OR NOT EXISTS (SELECT 1 FROM audit later
        WHERE later.tenant = audit.tenant AND later.support = audit.support AND later.seq > audit.seq AND later.event <> 34008));

CREATE UNIQUE INDEX audit_entries_support ON audit_entries (tenant, support) WHERE support <> '';
CREATE INDEX audit_entries_at ON audit_entries (tenant, at, seq);
CREATE INDEX audit_entries_activity ON audit_entries (tenant, activity, result, seq);
CREATE INDEX audit_entries_actor ON audit_entries (tenant, actor, seq);
CREATE INDEX audit_entries_actor_activity ON audit_entries (tenant, actor, activity, result, seq);
CREATE INDEX audit_entries_target ON audit_entries (tenant, target, seq, activity, result, actor);

-- Their work is done by the indexes above.
DROP INDEX audit_at;
DROP INDEX audit_activity;
DROP INDEX audit_activity_result;
DROP INDEX audit_result;
DROP INDEX audit_actor;
DROP INDEX audit_target;

-- How far each reader of the audit log has come: the destinations of exports, and the alerts. Of several servers one reads,
-- until its claim expires.
CREATE TABLE audit_readers (
    reader  TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    holder  TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (reader, tenant)
) STRICT, WITHOUT ROWID;

-- What is wrong and whether somebody was told. A row goes when it is over and that was told too.
CREATE TABLE alerts (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    told    INTEGER NOT NULL,
    cleared INTEGER NOT NULL,
    detail  TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
