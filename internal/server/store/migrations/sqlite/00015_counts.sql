-- +goose Up
-- How many entries of the audit page there are of each activity and result in each quarter of an hour, for reports: no zone's
-- midnight lies within one. slot is the number of quarters since 1970. Kept by whoever changes audit_entries, in the same
-- transaction. The same as in ../postgres.
CREATE TABLE audit_counts (
    tenant   TEXT NOT NULL,
    activity TEXT NOT NULL,
    slot     INTEGER NOT NULL,
    result   TEXT NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (tenant, activity, slot, result)
) STRICT, WITHOUT ROWID;

INSERT INTO audit_counts (tenant, activity, slot, result, n)
    SELECT tenant, activity, at / 900000, result, COUNT(*) FROM audit_entries GROUP BY tenant, activity, at / 900000, result;
