-- +goose Up
-- Sync: people with and without a directory, their addresses, groups, leases, runs, problems. Times are Unix milliseconds,
-- 0 is none. What must be unique among the living is so by index. The same as in ../sqlite; only the types differ.

CREATE TABLE people_synced (
    tenant          TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id              TEXT COLLATE "C" NOT NULL,
    anchor          TEXT COLLATE "C" NOT NULL,
    domain          TEXT COLLATE "C" NOT NULL,
    netbios         TEXT COLLATE "C" NOT NULL,
    upn             TEXT COLLATE "C" NOT NULL,
    sam             TEXT COLLATE "C" NOT NULL,
    mail            TEXT COLLATE "C" NOT NULL,
    display_name    TEXT COLLATE "C" NOT NULL,
    dn              TEXT COLLATE "C" NOT NULL,
    disabled        BOOLEAN NOT NULL,
    protected       BOOLEAN NOT NULL,
    run             TEXT COLLATE "C" NOT NULL,
    updated         BIGINT NOT NULL,
    domain_fold     TEXT COLLATE "C" NOT NULL,
    upn_fold        TEXT COLLATE "C" NOT NULL,
    mail_fold       TEXT COLLATE "C" NOT NULL,
    down_fold       TEXT COLLATE "C" NOT NULL,
    sam_fold        TEXT COLLATE "C" NOT NULL,
    object          TEXT COLLATE "C" NOT NULL,
    ad_upn          TEXT COLLATE "C" NOT NULL,
    ad_upn_fold     TEXT COLLATE "C" NOT NULL,
    given_name      TEXT COLLATE "C" NOT NULL,
    surname         TEXT COLLATE "C" NOT NULL,
    mobile          TEXT COLLATE "C" NOT NULL,
    language        TEXT COLLATE "C" NOT NULL,
    more            TEXT COLLATE "C" NOT NULL,
    password_set    BIGINT NOT NULL,
    created         BIGINT NOT NULL,
    missing         BOOLEAN NOT NULL,
    deleted         BIGINT NOT NULL,
    joined          BIGINT NOT NULL,
    how             TEXT COLLATE "C" NOT NULL,
    hash            TEXT COLLATE "C" NOT NULL,
    held            TEXT COLLATE "C" NOT NULL,
    password_state  TEXT COLLATE "C" NOT NULL,
    password_reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- Those an agent imported before. Of several with one sign-in name the first keeps it; the next full run says so.
INSERT INTO people_synced (tenant, id, anchor, domain, netbios, upn, sam, mail, display_name, dn, disabled, protected, run,
        updated, domain_fold, upn_fold, mail_fold, down_fold, sam_fold, object, ad_upn, ad_upn_fold, given_name, surname,
        mobile, language, more, password_set, created, missing, deleted, joined, how, hash, held, password_state, password_reason)
    SELECT tenant, id, anchor, domain, netbios, CASE WHEN nth = 1 THEN upn ELSE '' END, sam, mail, display_name, dn,
        disabled, protected, import, updated, domain_fold, CASE WHEN nth = 1 THEN upn_fold ELSE '' END, mail_fold, down_fold,
        sam_fold, anchor, '', '', '', '', '', '', 'null', 0, 0, FALSE, 0, 0, '', '', '', '', ''
    FROM (SELECT people.*, ROW_NUMBER() OVER (PARTITION BY tenant, upn_fold ORDER BY disabled, id) AS nth FROM people) AS old;
DROP TABLE people;
ALTER TABLE people_synced RENAME TO people;
ALTER INDEX people_synced_pkey RENAME TO people_pkey;
ALTER TABLE people RENAME CONSTRAINT people_synced_tenant_fkey TO people_tenant_fkey;
CREATE UNIQUE INDEX people_anchor ON people (tenant, anchor) WHERE anchor <> '';
CREATE UNIQUE INDEX people_object ON people (tenant, object) WHERE object <> '';
CREATE UNIQUE INDEX people_upn ON people (tenant, upn_fold) WHERE upn_fold <> '' AND deleted = 0;
CREATE INDEX people_ad_upn ON people (tenant, ad_upn_fold) WHERE ad_upn_fold <> '';
CREATE INDEX people_mail ON people (tenant, mail_fold) WHERE mail_fold <> '';
CREATE INDEX people_down ON people (tenant, down_fold);
CREATE INDEX people_sam ON people (tenant, sam_fold);
CREATE INDEX people_domain ON people (tenant, domain_fold, deleted);
CREATE INDEX people_missing ON people (tenant, domain_fold) WHERE missing;
CREATE INDEX people_password ON people (tenant, password_state) WHERE password_state <> '';

-- Mail addresses of living people: each is one person's.
CREATE TABLE addresses (
    tenant       TEXT COLLATE "C" NOT NULL,
    address_fold TEXT COLLATE "C" NOT NULL,
    person       TEXT COLLATE "C" NOT NULL,
    is_primary   BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, address_fold),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE INDEX addresses_person ON addresses (tenant, person);

CREATE TABLE groups (
    tenant    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    object    TEXT COLLATE "C" NOT NULL,
    domain    TEXT COLLATE "C" NOT NULL,
    dn        TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    sam       TEXT COLLATE "C" NOT NULL,
    mail      TEXT COLLATE "C" NOT NULL,
    security  BOOLEAN NOT NULL,
    run       TEXT COLLATE "C" NOT NULL,
    missing   BOOLEAN NOT NULL,
    deleted   BIGINT NOT NULL,
    updated   BIGINT NOT NULL,
    name_fold TEXT COLLATE "C" NOT NULL,
    sam_fold  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, object)
);
CREATE INDEX groups_domain ON groups (tenant, domain, deleted);
CREATE INDEX groups_name ON groups (tenant, name_fold);
CREATE INDEX groups_sam ON groups (tenant, sam_fold);

-- A member may be an object that isn't synced, or not yet.
CREATE TABLE group_members (
    tenant       TEXT COLLATE "C" NOT NULL,
    group_object TEXT COLLATE "C" NOT NULL,
    member       TEXT COLLATE "C" NOT NULL,
    token        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, group_object, member),
    FOREIGN KEY (tenant, group_object) REFERENCES groups (tenant, object)
);
CREATE INDEX group_members_member ON group_members (tenant, member);

CREATE TABLE sync_state (
    tenant     TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    domain     TEXT COLLATE "C" NOT NULL,
    staging    BOOLEAN NOT NULL,
    netbios    TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL,
    holder     TEXT COLLATE "C" NOT NULL,
    machine    TEXT COLLATE "C" NOT NULL,
    expires    BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    last_epoch BIGINT NOT NULL,
    next       BYTEA NOT NULL,
    run        TEXT COLLATE "C" NOT NULL,
    run_next   BYTEA NOT NULL,
    run_scope  TEXT COLLATE "C" NOT NULL,
    began      BIGINT NOT NULL,
    scope      TEXT COLLATE "C" NOT NULL,
    full_run   BOOLEAN NOT NULL,
    turned_off BOOLEAN NOT NULL,
    base       TEXT COLLATE "C" NOT NULL,
    mode       TEXT COLLATE "C" NOT NULL,
    lagging    BIGINT NOT NULL,
    detail     TEXT COLLATE "C" NOT NULL,
    unanchored BIGINT NOT NULL,
    status     TEXT COLLATE "C" NOT NULL,
    asked      BIGINT NOT NULL,
    applied    BIGINT NOT NULL,
    changed    BIGINT NOT NULL,
    newest     BIGINT NOT NULL,
    allowed    BIGINT NOT NULL,
    PRIMARY KEY (tenant, domain, staging)
);
CREATE INDEX sync_state_holder ON sync_state (holder);

CREATE TABLE sync_runs (
    tenant    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    domain    TEXT COLLATE "C" NOT NULL,
    staging   BOOLEAN NOT NULL,
    is_full   BOOLEAN NOT NULL,
    agent     TEXT COLLATE "C" NOT NULL,
    dc        TEXT COLLATE "C" NOT NULL,
    started   BIGINT NOT NULL,
    ended     BIGINT NOT NULL,
    status    TEXT COLLATE "C" NOT NULL,
    added     BIGINT NOT NULL,
    updated   BIGINT NOT NULL,
    deleted   BIGINT NOT NULL,
    joined    BIGINT NOT NULL,
    faults    BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    grouped   BIGINT NOT NULL,
    objects   BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    micros    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX sync_runs_started ON sync_runs (tenant, started);

CREATE TABLE sync_problems (
    tenant     TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    object     TEXT COLLATE "C" NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    domain     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    dn         TEXT COLLATE "C" NOT NULL,
    attribute  TEXT COLLATE "C" NOT NULL,
    detail     TEXT COLLATE "C" NOT NULL,
    person     TEXT COLLATE "C" NOT NULL,
    other      TEXT COLLATE "C" NOT NULL,
    other_name TEXT COLLATE "C" NOT NULL,
    by_agent   BOOLEAN NOT NULL,
    holds      BOOLEAN NOT NULL,
    run        TEXT COLLATE "C" NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (tenant, object, domain, reason, value)
);
CREATE INDEX sync_problems_value ON sync_problems (tenant, value) WHERE value <> '';
CREATE INDEX sync_problems_other ON sync_problems (tenant, other) WHERE other <> '';
CREATE INDEX sync_problems_person ON sync_problems (tenant, person) WHERE person <> '';
CREATE INDEX sync_problems_domain ON sync_problems (tenant, domain);

-- Objects set aside, whole, until what is wrong with them is over.
CREATE TABLE sync_waiting (
    tenant  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    object  TEXT COLLATE "C" NOT NULL,
    domain  TEXT COLLATE "C" NOT NULL,
    netbios TEXT COLLATE "C" NOT NULL,
    hash    TEXT COLLATE "C" NOT NULL,
    run     TEXT COLLATE "C" NOT NULL,
    since   BIGINT NOT NULL,
    person  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, object, domain)
);
CREATE INDEX sync_waiting_domain ON sync_waiting (tenant, domain);

CREATE TABLE sync_decisions (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    object   TEXT COLLATE "C" NOT NULL,
    choice   TEXT COLLATE "C" NOT NULL,
    other    TEXT COLLATE "C" NOT NULL,
    value    TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, object, other, value)
);

CREATE TABLE sync_preview (
    tenant       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    domain       TEXT COLLATE "C" NOT NULL,
    staging      BOOLEAN NOT NULL,
    object       TEXT COLLATE "C" NOT NULL,
    verdict      TEXT COLLATE "C" NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    upn          TEXT COLLATE "C" NOT NULL,
    address      TEXT COLLATE "C" NOT NULL,
    display      TEXT COLLATE "C" NOT NULL,
    other        TEXT COLLATE "C" NOT NULL,
    other_name   TEXT COLLATE "C" NOT NULL,
    run          TEXT COLLATE "C" NOT NULL,
    upn_fold     TEXT COLLATE "C" NOT NULL,
    address_fold TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, domain, object)
);
CREATE INDEX sync_preview_upn ON sync_preview (tenant, upn_fold) WHERE upn_fold <> '';
CREATE INDEX sync_preview_address ON sync_preview (tenant, address_fold) WHERE address_fold <> '';

CREATE TABLE roles (
    tenant   TEXT COLLATE "C" NOT NULL,
    person   TEXT COLLATE "C" NOT NULL,
    role     TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    operator TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, person, role),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);

CREATE TABLE tenant_domains (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    name     TEXT COLLATE "C" NOT NULL,
    token    TEXT COLLATE "C" NOT NULL,
    verified BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- Argon2id, made by whoever knows the password.
CREATE TABLE cloud_passwords (
    tenant     TEXT COLLATE "C" NOT NULL,
    person     TEXT COLLATE "C" NOT NULL,
    hash       TEXT COLLATE "C" NOT NULL,
    made       BIGINT NOT NULL,
    superseded BIGINT NOT NULL,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
