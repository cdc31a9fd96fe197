-- +goose Up
-- Links of messages by which somebody says "this wasn't me", as keyed hashes. support and at are of what was told.
CREATE TABLE objections (
    tenant  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    hash    BYTEA NOT NULL,
    person  TEXT COLLATE "C" NOT NULL,
    support TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX objections_person ON objections (tenant, person);
CREATE INDEX objections_expires ON objections (expires);

-- Whose self-service is stopped until an operator releases it. operator is empty where the person did it by a link.
CREATE TABLE holds (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    person   TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, person)
);
CREATE INDEX attempts_person ON attempts (tenant, person);

-- Which reminders of which expiry somebody was sent: days is the threshold.
CREATE TABLE reminders (
    tenant  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    person  TEXT COLLATE "C" NOT NULL,
    days    BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    sent    BIGINT NOT NULL,
    PRIMARY KEY (tenant, person, days)
);

-- On which day a domain's people were last asked about: once a day is enough, however often the server starts.
CREATE TABLE expiry_sweeps (
    tenant TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    domain TEXT COLLATE "C" NOT NULL,
    day    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, domain)
);
