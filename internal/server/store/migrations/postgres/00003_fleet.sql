-- +goose Up
-- Fleets: several domains per agent, draining, revocation with its time, machines, keys that roll, test writes.

ALTER TABLE agents ADD COLUMN machine_id     TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN draining       BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN revoked        BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN pending        BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN command_key    TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN old_key_id     TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN key_since      BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN replaces       TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_name     TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_id       TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_reason   TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN rival_at       BIGINT NOT NULL DEFAULT 0;

ALTER TABLE enrol_codes ADD COLUMN replaces  TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE agent_domains (
    agent    TEXT COLLATE "C" NOT NULL REFERENCES agents (id),
    name     TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    netbios  TEXT COLLATE "C" NOT NULL,
    ok       BOOLEAN NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    dc       TEXT COLLATE "C" NOT NULL,
    since    BIGINT NOT NULL,
    testable BOOLEAN NOT NULL,
    imported BIGINT NOT NULL,
    PRIMARY KEY (agent, name)
);
-- What an agent was known to serve before it could name several.
INSERT INTO agent_domains (agent, name, position, netbios, ok, reason, dc, since, testable, imported)
    SELECT id, domain, 0, '', directory_ok, reason, '', since, FALSE, imported FROM agents WHERE domain <> '';

CREATE TABLE test_writes (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    domain TEXT COLLATE "C" NOT NULL,
    agent  TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, domain)
);
