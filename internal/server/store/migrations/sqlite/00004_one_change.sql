-- +goose Up
-- The same as in ../postgres.
UPDATE attempts SET state = 'not_sure', reason = 'timeout', revision = revision + 1 WHERE kind = 'change' AND state = 'submitted';
CREATE UNIQUE INDEX attempts_change ON attempts (tenant, person) WHERE kind = 'change' AND state = 'submitted';
