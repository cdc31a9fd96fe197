-- +goose Up
-- Ways to prove who one is. secret is sealed with the master key, bound to the row: a destination, a seed, a passkey, hashed
-- answers. step only grows: an app's last accepted time step, a passkey's counter. confirmed is 0 while it is being registered.
CREATE TABLE methods (
    tenant    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    person    TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    masked    TEXT COLLATE "C" NOT NULL,
    secret    BYTEA NOT NULL,
    step      BIGINT NOT NULL,
    created   BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    used      BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX methods_person ON methods (tenant, person);

-- When somebody last said that their methods are right, and the kind they last passed a check with.
CREATE TABLE registrations (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    person   TEXT COLLATE "C" NOT NULL,
    last     TEXT COLLATE "C" NOT NULL,
    reviewed BIGINT NOT NULL,
    PRIMARY KEY (tenant, person)
);

-- One-time codes that the helpdesk gives out, as keyed hashes.
CREATE TABLE passes (
    tenant  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    person  TEXT COLLATE "C" NOT NULL,
    hash    BYTEA NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (tenant, person)
);

-- Which checks an attempt has passed and which one is under way (reset.Checks), and what a code was sent for.
ALTER TABLE attempts ADD COLUMN checks TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE codes ADD COLUMN purpose TEXT COLLATE "C" NOT NULL DEFAULT '';
