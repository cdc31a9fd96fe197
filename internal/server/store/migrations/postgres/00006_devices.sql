-- +goose Up
-- Machines that ask to be let in by device code. Only hashes of their codes are here.
CREATE TABLE devices (
    hash      BYTEA PRIMARY KEY,
    user_hash BYTEA NOT NULL,
    machine   TEXT NOT NULL,
    build     TEXT NOT NULL,
    address   TEXT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    state     TEXT NOT NULL,
    tenant    TEXT NOT NULL,
    operator  TEXT NOT NULL,
    decided   BIGINT NOT NULL
);
CREATE UNIQUE INDEX devices_user ON devices (user_hash);
CREATE INDEX devices_expires ON devices (expires);
