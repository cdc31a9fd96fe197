-- +goose Up
-- Finding people by name, page by page, and whom an operator may find. A single space in name_fold: not folded yet, the
-- server does it when it opens the database, because SQLite's own lower() knows ASCII only. place_fold is the
-- distinguished name from the root down, so that what is below a place begins with it. The same as in ../postgres.

ALTER TABLE people ADD COLUMN name_fold TEXT NOT NULL DEFAULT ' ';
ALTER TABLE people ADD COLUMN surname_fold TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN place_fold TEXT NOT NULL DEFAULT '';
CREATE INDEX people_unfolded ON people (tenant, id) WHERE name_fold = ' ';
CREATE INDEX people_listed ON people (tenant, name_fold, id, disabled, object) WHERE deleted = 0;
CREATE INDEX people_surname ON people (tenant, surname_fold) WHERE surname_fold <> '';
CREATE INDEX people_place ON people (tenant, place_fold) WHERE deleted = 0;

-- Whom an operator may find and help: the people of these groups and below these places. No row: everybody.
CREATE TABLE operator_scopes (
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (tenant, operator, kind, value),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
