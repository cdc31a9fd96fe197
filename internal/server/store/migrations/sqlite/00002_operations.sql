-- +goose Up
-- What the directory held before a write (protocol.Mark with its request), what became of "must change at next
-- sign-in", and the operator of an attempt that no person made.
ALTER TABLE attempts ADD COLUMN mark TEXT NOT NULL DEFAULT '{}';
ALTER TABLE attempts ADD COLUMN must_change TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN operator TEXT NOT NULL DEFAULT '';
