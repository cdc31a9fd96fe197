-- +goose Up
-- How many entries of the audit page there are of each activity and result in each quarter of an hour, for reports: no zone's
-- midnight lies within one. slot is the number of quarters since 1970. Kept by whoever changes audit_entries, in the same
-- transaction. The same as in ../sqlite.
CREATE TABLE audit_counts (
    tenant   TEXT COLLATE "C" NOT NULL,
    activity TEXT COLLATE "C" NOT NULL,
    slot     BIGINT NOT NULL,
    result   TEXT COLLATE "C" NOT NULL,
    n        BIGINT NOT NULL,
    PRIMARY KEY (tenant, activity, slot, result)
);

INSERT INTO audit_counts (tenant, activity, slot, result, n)
    SELECT tenant, activity, at / 900000, result, COUNT(*) FROM audit_entries GROUP BY tenant, activity, at / 900000, result;
