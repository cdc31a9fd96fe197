-- +goose Up
-- Ways to prove who one is. secret is sealed with the master key, bound to the row: a destination, a seed, a passkey, hashed
-- answers. step only grows: an app's last accepted time step, a passkey's counter. confirmed is 0 while it is being registered.
CREATE TABLE methods (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    person    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    masked    TEXT NOT NULL,
    secret    BLOB NOT NULL,
    step      INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    used      INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX methods_person ON methods (tenant, person);

-- When somebody last said that their methods are right, and the kind they last passed a check with.
CREATE TABLE registrations (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    person   TEXT NOT NULL,
    last     TEXT NOT NULL,
    reviewed INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;

-- One-time codes that the helpdesk gives out, as keyed hashes.
CREATE TABLE passes (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    person  TEXT NOT NULL,
    hash    BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;

-- Which checks an attempt has passed and which one is under way (reset.Checks), and what a code was sent for.
ALTER TABLE attempts ADD COLUMN checks TEXT NOT NULL DEFAULT '{}';
ALTER TABLE codes ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
