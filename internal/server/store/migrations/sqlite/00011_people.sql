-- +goose Up
-- Links of messages by which somebody says "this wasn't me", as keyed hashes. support and at are of what was told.
CREATE TABLE objections (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    hash    BLOB NOT NULL,
    person  TEXT NOT NULL,
    support TEXT NOT NULL,
    at      INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT;
CREATE INDEX objections_person ON objections (tenant, person);
CREATE INDEX objections_expires ON objections (expires);

-- Whose self-service is stopped until an operator releases it. operator is empty where the person did it by a link.
CREATE TABLE holds (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    person   TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;
CREATE INDEX attempts_person ON attempts (tenant, person);

-- Which reminders of which expiry somebody was sent: days is the threshold.
CREATE TABLE reminders (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    person  TEXT NOT NULL,
    days    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, days)
) STRICT;

-- On which day a domain's people were last asked about: once a day is enough, however often the server starts.
CREATE TABLE expiry_sweeps (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    domain TEXT NOT NULL,
    day    TEXT NOT NULL,
    PRIMARY KEY (tenant, domain)
) STRICT;
