-- +goose Up
-- Machines that ask to be let in by device code. Only hashes of their codes are here.
CREATE TABLE devices (
    hash      BLOB PRIMARY KEY,
    user_hash BLOB NOT NULL,
    machine   TEXT NOT NULL,
    build     TEXT NOT NULL,
    address   TEXT NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    state     TEXT NOT NULL,
    tenant    TEXT NOT NULL,
    operator  TEXT NOT NULL,
    decided   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX devices_user ON devices (user_hash);
CREATE INDEX devices_expires ON devices (expires);
