-- +goose Up
-- Fleets: several domains per agent, draining, revocation with its time, machines, keys that roll, test writes.

ALTER TABLE agents ADD COLUMN machine_id     TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN draining       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN revoked        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN pending        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN command_key    TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN old_key_id     TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN key_since      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN replaces       TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_name     TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_id       TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_reason   TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_at       INTEGER NOT NULL DEFAULT 0;

ALTER TABLE enrol_codes ADD COLUMN replaces  TEXT NOT NULL DEFAULT '';

CREATE TABLE agent_domains (
    agent    TEXT NOT NULL REFERENCES agents (id),
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    netbios  TEXT NOT NULL,
    ok       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    dc       TEXT NOT NULL,
    since    INTEGER NOT NULL,
    testable INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    PRIMARY KEY (agent, name)
) STRICT;
-- What an agent was known to serve before it could name several.
INSERT INTO agent_domains (agent, name, position, netbios, ok, reason, dc, since, testable, imported)
    SELECT id, domain, 0, '', directory_ok, reason, '', since, 0, imported FROM agents WHERE domain <> '';

CREATE TABLE test_writes (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    domain TEXT NOT NULL,
    agent  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (tenant, domain)
) STRICT;
