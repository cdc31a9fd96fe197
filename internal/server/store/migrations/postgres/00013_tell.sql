-- +goose Up
-- What an administrator is told: the audit page's entries, where exports stand, alerts. The same as in ../sqlite.

-- One row for each entry of the audit page: the last row of an attempt but the mail that tells the person, and every row that
-- belongs to none. It is an index over audit, kept by whoever appends there; what a page shows is read from audit itself.
CREATE TABLE audit_entries (
    tenant   TEXT COLLATE "C" NOT NULL,
    seq      BIGINT NOT NULL,
    support  TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    activity TEXT COLLATE "C" NOT NULL,
    result   TEXT COLLATE "C" NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    target   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, seq)
);

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
    reader  TEXT COLLATE "C" NOT NULL,
    tenant  TEXT COLLATE "C" NOT NULL,
    seq     BIGINT NOT NULL,
    holder  TEXT COLLATE "C" NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (reader, tenant)
);

-- What is wrong and whether somebody was told. A row goes when it is over and that was told too.
CREATE TABLE alerts (
    tenant  TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    since   BIGINT NOT NULL,
    told    BIGINT NOT NULL,
    cleared BIGINT NOT NULL,
    detail  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, name)
);
