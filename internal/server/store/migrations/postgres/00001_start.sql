-- +goose Up
-- The same tables as in ../sqlite; only the types differ. Times are Unix milliseconds, 0 is none. Text compares
-- by bytes (COLLATE "C"), as in SQLite, and so no index depends on the machine's locale library.

CREATE TABLE meta (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE tenants (
    id       TEXT COLLATE "C" PRIMARY KEY,
    name     TEXT COLLATE "C" NOT NULL,
    account  TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    created  BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenants_account ON tenants (account) WHERE account <> '';

-- tenant is '' for the server's own secrets, hence no reference.
CREATE TABLE secrets (
    tenant  TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    sealed  BYTEA NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE people (
    tenant       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id           TEXT COLLATE "C" NOT NULL,
    anchor       TEXT COLLATE "C" NOT NULL,
    domain       TEXT COLLATE "C" NOT NULL,
    netbios      TEXT COLLATE "C" NOT NULL,
    upn          TEXT COLLATE "C" NOT NULL,
    sam          TEXT COLLATE "C" NOT NULL,
    mail         TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    dn           TEXT COLLATE "C" NOT NULL,
    disabled     BOOLEAN NOT NULL,
    protected    BOOLEAN NOT NULL,
    import       TEXT COLLATE "C" NOT NULL,
    updated      BIGINT NOT NULL,
    domain_fold  TEXT COLLATE "C" NOT NULL,
    upn_fold     TEXT COLLATE "C" NOT NULL,
    mail_fold    TEXT COLLATE "C" NOT NULL,
    down_fold    TEXT COLLATE "C" NOT NULL,
    sam_fold     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, anchor)
);
CREATE INDEX people_upn ON people (tenant, upn_fold);
CREATE INDEX people_mail ON people (tenant, mail_fold);
CREATE INDEX people_down ON people (tenant, down_fold);
CREATE INDEX people_sam ON people (tenant, sam_fold);
CREATE INDEX people_domain ON people (tenant, domain_fold);

CREATE TABLE enrol_codes (
    hash    BYTEA PRIMARY KEY,
    tenant  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used_by TEXT COLLATE "C" NOT NULL
);

CREATE TABLE agents (
    id            TEXT COLLATE "C" PRIMARY KEY,
    tenant        TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    created       BIGINT NOT NULL,
    machine       TEXT COLLATE "C" NOT NULL,
    domain        TEXT COLLATE "C" NOT NULL,
    seal_key      BYTEA NOT NULL,
    key_id        TEXT COLLATE "C" NOT NULL,
    build         TEXT COLLATE "C" NOT NULL,
    protocol      BIGINT NOT NULL,
    status        TEXT COLLATE "C" NOT NULL,
    seen          BIGINT NOT NULL,
    directory_ok  BOOLEAN NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    since         BIGINT NOT NULL,
    import_wanted BOOLEAN NOT NULL,
    imported      BIGINT NOT NULL
);
CREATE INDEX agents_tenant ON agents (tenant);

CREATE TABLE attempts (
    tenant    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    support   TEXT COLLATE "C" NOT NULL,
    created   BIGINT NOT NULL,
    revision  BIGINT NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    session   BYTEA NOT NULL,
    person    TEXT COLLATE "C" NOT NULL,
    decoy     TEXT COLLATE "C" NOT NULL,
    shown     TEXT COLLATE "C" NOT NULL,
    locale    TEXT COLLATE "C" NOT NULL,
    state     TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL,
    rule      TEXT COLLATE "C" NOT NULL,
    event     BIGINT NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    tries     BIGINT NOT NULL,
    request   TEXT COLLATE "C" NOT NULL,
    agent     TEXT COLLATE "C" NOT NULL,
    header    BYTEA NOT NULL,
    accepted  BIGINT NOT NULL,
    hops      TEXT COLLATE "C" NOT NULL,
    verified  BIGINT NOT NULL,
    submitted BIGINT NOT NULL,
    finished  BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- A support code is told on the phone, without a tenant.
CREATE UNIQUE INDEX attempts_support ON attempts (support);
CREATE UNIQUE INDEX attempts_request ON attempts (tenant, request) WHERE request <> '';
CREATE INDEX attempts_session ON attempts (tenant, session, created);
CREATE INDEX attempts_open ON attempts (state) WHERE state IN ('submitted', 'not_sure');
CREATE INDEX attempts_created ON attempts (created);

CREATE TABLE codes (
    tenant  TEXT COLLATE "C" NOT NULL,
    attempt TEXT COLLATE "C" NOT NULL,
    hash    BYTEA NOT NULL,
    sent    BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    tries   BIGINT NOT NULL,
    used    BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, attempt),
    FOREIGN KEY (tenant, attempt) REFERENCES attempts (tenant, id) ON DELETE CASCADE
);

-- The server's own: the tenant, where there is one, is part of the hashed id.
CREATE TABLE limits (
    id  TEXT COLLATE "C" PRIMARY KEY,
    tat BIGINT NOT NULL
);
CREATE INDEX limits_tat ON limits (tat);

-- No references: the record outlives what it speaks of.
CREATE TABLE audit (
    tenant   TEXT COLLATE "C" NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    support  TEXT COLLATE "C" NOT NULL,
    activity TEXT COLLATE "C" NOT NULL,
    hop      TEXT COLLATE "C" NOT NULL,
    event    BIGINT NOT NULL,
    result   TEXT COLLATE "C" NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    target   TEXT COLLATE "C" NOT NULL,
    detail   TEXT COLLATE "C" NOT NULL,
    micros   BIGINT NOT NULL,
    prev     BYTEA NOT NULL,
    hash     BYTEA NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_support ON audit (tenant, support, seq);

-- The end of each tenant's chain, signed with a key that is not in the database.
CREATE TABLE audit_heads (
    tenant TEXT COLLATE "C" PRIMARY KEY,
    seq    BIGINT NOT NULL,
    hash   BYTEA NOT NULL,
    mac    BYTEA NOT NULL
);

CREATE TABLE mails (
    id      TEXT COLLATE "C" PRIMARY KEY,
    tenant  TEXT COLLATE "C" NOT NULL,
    sealed  BYTEA NOT NULL,
    due     BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    tries   BIGINT NOT NULL,
    leased  BIGINT NOT NULL
);
CREATE INDEX mails_due ON mails (due);
