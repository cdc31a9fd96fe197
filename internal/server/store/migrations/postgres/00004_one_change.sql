-- +goose Up
-- One change of a person's password is on its way at a time: two agents that each try a wrong current password at once
-- could lock the account, which each of them alone would not. What was on its way when the server was stopped is found
-- out as usual.
UPDATE attempts SET state = 'not_sure', reason = 'timeout', revision = revision + 1 WHERE kind = 'change' AND state = 'submitted';
CREATE UNIQUE INDEX attempts_change ON attempts (tenant, person) WHERE kind = 'change' AND state = 'submitted';
