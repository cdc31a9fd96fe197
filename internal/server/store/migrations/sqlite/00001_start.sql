-- +goose Up
-- The same tables as in ../postgres; only the types differ. Times are Unix milliseconds, 0 is none. Booleans
-- are 0 and 1. Columns named *_fold are lower-cased in Go, so both engines find the same people.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE tenants (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    account  TEXT NOT NULL,
    settings TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tenants_account ON tenants (account) WHERE account <> '';

-- tenant is '' for the server's own secrets, hence no reference.
CREATE TABLE secrets (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    sealed  BLOB NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

CREATE TABLE people (
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    id           TEXT NOT NULL,
    anchor       TEXT NOT NULL,
    domain       TEXT NOT NULL,
    netbios      TEXT NOT NULL,
    upn          TEXT NOT NULL,
    sam          TEXT NOT NULL,
    mail         TEXT NOT NULL,
    display_name TEXT NOT NULL,
    dn           TEXT NOT NULL,
    disabled     INTEGER NOT NULL,
    protected    INTEGER NOT NULL,
    import       TEXT NOT NULL,
    updated      INTEGER NOT NULL,
    domain_fold  TEXT NOT NULL,
    upn_fold     TEXT NOT NULL,
    mail_fold    TEXT NOT NULL,
    down_fold    TEXT NOT NULL,
    sam_fold     TEXT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, anchor)
) STRICT;
CREATE INDEX people_upn ON people (tenant, upn_fold);
CREATE INDEX people_mail ON people (tenant, mail_fold);
CREATE INDEX people_down ON people (tenant, down_fold);
CREATE INDEX people_sam ON people (tenant, sam_fold);
CREATE INDEX people_domain ON people (tenant, domain_fold);

CREATE TABLE enrol_codes (
    hash    BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used_by TEXT NOT NULL
) STRICT;

CREATE TABLE agents (
    id            TEXT PRIMARY KEY,
    tenant        TEXT NOT NULL REFERENCES tenants (id),
    created       INTEGER NOT NULL,
    machine       TEXT NOT NULL,
    domain        TEXT NOT NULL,
    seal_key      BLOB NOT NULL,
    key_id        TEXT NOT NULL,
    build         TEXT NOT NULL,
    protocol      INTEGER NOT NULL,
    status        TEXT NOT NULL,
    seen          INTEGER NOT NULL,
    directory_ok  INTEGER NOT NULL,
    reason        TEXT NOT NULL,
    since         INTEGER NOT NULL,
    import_wanted INTEGER NOT NULL,
    imported      INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_tenant ON agents (tenant);

CREATE TABLE attempts (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    support   TEXT NOT NULL,
    created   INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    session   BLOB NOT NULL,
    person    TEXT NOT NULL,
    decoy     TEXT NOT NULL,
    shown     TEXT NOT NULL,
    locale    TEXT NOT NULL,
    state     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    rule      TEXT NOT NULL,
    event     INTEGER NOT NULL,
    detail    TEXT NOT NULL,
    tries     INTEGER NOT NULL,
    request   TEXT NOT NULL,
    agent     TEXT NOT NULL,
    header    BLOB NOT NULL,
    accepted  INTEGER NOT NULL,
    hops      TEXT NOT NULL,
    verified  INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    finished  INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
-- A support code is told on the phone, without a tenant.
CREATE UNIQUE INDEX attempts_support ON attempts (support);
CREATE UNIQUE INDEX attempts_request ON attempts (tenant, request) WHERE request <> '';
CREATE INDEX attempts_session ON attempts (tenant, session, created);
CREATE INDEX attempts_open ON attempts (state) WHERE state IN ('submitted', 'not_sure');
CREATE INDEX attempts_created ON attempts (created);

CREATE TABLE codes (
    tenant  TEXT NOT NULL,
    attempt TEXT NOT NULL,
    hash    BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (tenant, attempt),
    FOREIGN KEY (tenant, attempt) REFERENCES attempts (tenant, id) ON DELETE CASCADE
) STRICT;

-- The server's own: the tenant, where there is one, is part of the hashed id.
CREATE TABLE limits (
    id  TEXT PRIMARY KEY,
    tat INTEGER NOT NULL
) STRICT;
CREATE INDEX limits_tat ON limits (tat);

-- No references: the record outlives what it speaks of.
CREATE TABLE audit (
    tenant   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    support  TEXT NOT NULL,
    activity TEXT NOT NULL,
    hop      TEXT NOT NULL,
    event    INTEGER NOT NULL,
    result   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    actor    TEXT NOT NULL,
    target   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    micros   INTEGER NOT NULL,
    prev     BLOB NOT NULL,
    hash     BLOB NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT;
CREATE INDEX audit_support ON audit (tenant, support, seq);

-- The end of each tenant's chain, signed with a key that is not in the database.
CREATE TABLE audit_heads (
    tenant TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    mac    BLOB NOT NULL
) STRICT;

CREATE TABLE mails (
    id      TEXT PRIMARY KEY,
    tenant  TEXT NOT NULL,
    sealed  BLOB NOT NULL,
    due     INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    leased  INTEGER NOT NULL
) STRICT;
CREATE INDEX mails_due ON mails (due);
