-- +goose Up
-- Sync: people with and without a directory, their addresses, groups, leases, runs, problems. Times are Unix milliseconds,
-- 0 is none. What must be unique among the living is so by index. The same as in ../postgres; only the types differ.

CREATE TABLE people_synced (
    tenant          TEXT NOT NULL REFERENCES tenants (id),
    id              TEXT NOT NULL,
    anchor          TEXT NOT NULL,
    domain          TEXT NOT NULL,
    netbios         TEXT NOT NULL,
    upn             TEXT NOT NULL,
    sam             TEXT NOT NULL,
    mail            TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    dn              TEXT NOT NULL,
    disabled        INTEGER NOT NULL,
    protected       INTEGER NOT NULL,
    run             TEXT NOT NULL,
    updated         INTEGER NOT NULL,
    domain_fold     TEXT NOT NULL,
    upn_fold        TEXT NOT NULL,
    mail_fold       TEXT NOT NULL,
    down_fold       TEXT NOT NULL,
    sam_fold        TEXT NOT NULL,
    object          TEXT NOT NULL,
    ad_upn          TEXT NOT NULL,
    ad_upn_fold     TEXT NOT NULL,
    given_name      TEXT NOT NULL,
    surname         TEXT NOT NULL,
    mobile          TEXT NOT NULL,
    language        TEXT NOT NULL,
    more            TEXT NOT NULL,
    password_set    INTEGER NOT NULL,
    created         INTEGER NOT NULL,
    missing         INTEGER NOT NULL,
    deleted         INTEGER NOT NULL,
    joined          INTEGER NOT NULL,
    how             TEXT NOT NULL,
    hash            TEXT NOT NULL,
    held            TEXT NOT NULL,
    password_state  TEXT NOT NULL,
    password_reason TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
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
    tenant       TEXT NOT NULL,
    address_fold TEXT NOT NULL,
    person       TEXT NOT NULL,
    is_primary   INTEGER NOT NULL,
    PRIMARY KEY (tenant, address_fold),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_person ON addresses (tenant, person);

CREATE TABLE groups (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    object    TEXT NOT NULL,
    domain    TEXT NOT NULL,
    dn        TEXT NOT NULL,
    name      TEXT NOT NULL,
    sam       TEXT NOT NULL,
    mail      TEXT NOT NULL,
    security  INTEGER NOT NULL,
    run       TEXT NOT NULL,
    missing   INTEGER NOT NULL,
    deleted   INTEGER NOT NULL,
    updated   INTEGER NOT NULL,
    name_fold TEXT NOT NULL,
    sam_fold  TEXT NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT;
CREATE INDEX groups_domain ON groups (tenant, domain, deleted);
CREATE INDEX groups_name ON groups (tenant, name_fold);
CREATE INDEX groups_sam ON groups (tenant, sam_fold);

-- A member may be an object that isn't synced, or not yet.
CREATE TABLE group_members (
    tenant       TEXT NOT NULL,
    group_object TEXT NOT NULL,
    member       TEXT NOT NULL,
    token        TEXT NOT NULL,
    PRIMARY KEY (tenant, group_object, member),
    FOREIGN KEY (tenant, group_object) REFERENCES groups (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_member ON group_members (tenant, member);

CREATE TABLE sync_state (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    domain     TEXT NOT NULL,
    staging    INTEGER NOT NULL,
    netbios    TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    machine    TEXT NOT NULL,
    expires    INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    last_epoch INTEGER NOT NULL,
    next       BLOB NOT NULL,
    run        TEXT NOT NULL,
    run_next   BLOB NOT NULL,
    run_scope  TEXT NOT NULL,
    began      INTEGER NOT NULL,
    scope      TEXT NOT NULL,
    full_run   INTEGER NOT NULL,
    turned_off INTEGER NOT NULL,
    base       TEXT NOT NULL,
    mode       TEXT NOT NULL,
    lagging    INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    unanchored INTEGER NOT NULL,
    status     TEXT NOT NULL,
    asked      INTEGER NOT NULL,
    applied    INTEGER NOT NULL,
    changed    INTEGER NOT NULL,
    newest     INTEGER NOT NULL,
    allowed    INTEGER NOT NULL,
    PRIMARY KEY (tenant, domain, staging)
) STRICT;
CREATE INDEX sync_state_holder ON sync_state (holder);

CREATE TABLE sync_runs (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    domain    TEXT NOT NULL,
    staging   INTEGER NOT NULL,
    is_full   INTEGER NOT NULL,
    agent     TEXT NOT NULL,
    dc        TEXT NOT NULL,
    started   INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    status    TEXT NOT NULL,
    added     INTEGER NOT NULL,
    updated   INTEGER NOT NULL,
    deleted   INTEGER NOT NULL,
    joined    INTEGER NOT NULL,
    faults    INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    grouped   INTEGER NOT NULL,
    objects   INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    micros    INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX sync_runs_started ON sync_runs (tenant, started);

CREATE TABLE sync_problems (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    object     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    value      TEXT NOT NULL,
    domain     TEXT NOT NULL,
    name       TEXT NOT NULL,
    dn         TEXT NOT NULL,
    attribute  TEXT NOT NULL,
    detail     TEXT NOT NULL,
    person     TEXT NOT NULL,
    other      TEXT NOT NULL,
    other_name TEXT NOT NULL,
    by_agent   INTEGER NOT NULL,
    holds      INTEGER NOT NULL,
    run        TEXT NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (tenant, object, domain, reason, value)
) STRICT;
CREATE INDEX sync_problems_value ON sync_problems (tenant, value) WHERE value <> '';
CREATE INDEX sync_problems_other ON sync_problems (tenant, other) WHERE other <> '';
CREATE INDEX sync_problems_person ON sync_problems (tenant, person) WHERE person <> '';
CREATE INDEX sync_problems_domain ON sync_problems (tenant, domain);

-- Objects set aside, whole, until what is wrong with them is over.
CREATE TABLE sync_waiting (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    object  TEXT NOT NULL,
    domain  TEXT NOT NULL,
    netbios TEXT NOT NULL,
    hash    TEXT NOT NULL,
    run     TEXT NOT NULL,
    since   INTEGER NOT NULL,
    person  TEXT NOT NULL,
    PRIMARY KEY (tenant, object, domain)
) STRICT;
CREATE INDEX sync_waiting_domain ON sync_waiting (tenant, domain);

CREATE TABLE sync_decisions (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    object   TEXT NOT NULL,
    choice   TEXT NOT NULL,
    other    TEXT NOT NULL,
    value    TEXT NOT NULL,
    operator TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, object, other, value)
) STRICT;

CREATE TABLE sync_preview (
    tenant       TEXT NOT NULL REFERENCES tenants (id),
    domain       TEXT NOT NULL,
    staging      INTEGER NOT NULL,
    object       TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    name         TEXT NOT NULL,
    upn          TEXT NOT NULL,
    address      TEXT NOT NULL,
    display      TEXT NOT NULL,
    other        TEXT NOT NULL,
    other_name   TEXT NOT NULL,
    run          TEXT NOT NULL,
    upn_fold     TEXT NOT NULL,
    address_fold TEXT NOT NULL,
    PRIMARY KEY (tenant, domain, object)
) STRICT;
CREATE INDEX sync_preview_upn ON sync_preview (tenant, upn_fold) WHERE upn_fold <> '';
CREATE INDEX sync_preview_address ON sync_preview (tenant, address_fold) WHERE address_fold <> '';

CREATE TABLE roles (
    tenant   TEXT NOT NULL,
    person   TEXT NOT NULL,
    role     TEXT NOT NULL,
    name     TEXT NOT NULL,
    operator TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, role),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;

CREATE TABLE tenant_domains (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    name     TEXT NOT NULL,
    token    TEXT NOT NULL,
    verified INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

-- Argon2id, made by whoever knows the password.
CREATE TABLE cloud_passwords (
    tenant     TEXT NOT NULL,
    person     TEXT NOT NULL,
    hash       TEXT NOT NULL,
    made       INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;
