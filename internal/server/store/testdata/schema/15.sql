-- Schema and rows of one released version; see schema_test.go. Never changed once released.
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
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
CREATE TABLE secrets (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    sealed  BLOB NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;
CREATE TABLE enrol_codes (
    hash    BLOB PRIMARY KEY,
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used_by TEXT NOT NULL
, replaces  TEXT NOT NULL DEFAULT '') STRICT;
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
, machine_id     TEXT NOT NULL DEFAULT '', draining       INTEGER NOT NULL DEFAULT 0, revoked        INTEGER NOT NULL DEFAULT 0, pending        INTEGER NOT NULL DEFAULT 0, command_key    TEXT NOT NULL DEFAULT '', old_key_id     TEXT NOT NULL DEFAULT '', key_since      INTEGER NOT NULL DEFAULT 0, replaces       TEXT NOT NULL DEFAULT '', rival_name     TEXT NOT NULL DEFAULT '', rival_id       TEXT NOT NULL DEFAULT '', rival_reason   TEXT NOT NULL DEFAULT '', rival_at       INTEGER NOT NULL DEFAULT 0) STRICT;
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
    expires   INTEGER NOT NULL, mark TEXT NOT NULL DEFAULT '{}', must_change TEXT NOT NULL DEFAULT '', operator TEXT NOT NULL DEFAULT '', checks TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE codes (
    tenant  TEXT NOT NULL,
    attempt TEXT NOT NULL,
    hash    BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    used    INTEGER NOT NULL, purpose TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, attempt),
    FOREIGN KEY (tenant, attempt) REFERENCES attempts (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE limits (
    id  TEXT PRIMARY KEY,
    tat INTEGER NOT NULL
) STRICT;
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
    imported INTEGER NOT NULL, sync_off INTEGER NOT NULL DEFAULT 0, writeback_off INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (agent, name)
) STRICT;
CREATE TABLE test_writes (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    domain TEXT NOT NULL,
    agent  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (tenant, domain)
) STRICT;
CREATE TABLE "people" (
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
    password_reason TEXT NOT NULL, name_fold TEXT NOT NULL DEFAULT ' ', surname_fold TEXT NOT NULL DEFAULT '', place_fold TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE addresses (
    tenant       TEXT NOT NULL,
    address_fold TEXT NOT NULL,
    person       TEXT NOT NULL,
    is_primary   INTEGER NOT NULL,
    PRIMARY KEY (tenant, address_fold),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE group_members (
    tenant       TEXT NOT NULL,
    group_object TEXT NOT NULL,
    member       TEXT NOT NULL,
    token        TEXT NOT NULL,
    PRIMARY KEY (tenant, group_object, member),
    FOREIGN KEY (tenant, group_object) REFERENCES groups (tenant, object)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE cloud_passwords (
    tenant     TEXT NOT NULL,
    person     TEXT NOT NULL,
    hash       TEXT NOT NULL,
    made       INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT;
CREATE TABLE devices (
    hash      BLOB PRIMARY KEY,
    user_hash BLOB NOT NULL,
    machine   TEXT NOT NULL,
    build     TEXT NOT NULL,
    address   TEXT NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    state     TEXT NOT NULL,
    tenant    TEXT NOT NULL,
    operator  TEXT NOT NULL,
    decided   INTEGER NOT NULL
) STRICT;
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
CREATE TABLE registrations (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    person   TEXT NOT NULL,
    last     TEXT NOT NULL,
    reviewed INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;
CREATE TABLE passes (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    person  TEXT NOT NULL,
    hash    BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;
CREATE TABLE operators (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_fold TEXT NOT NULL UNIQUE,
    role      TEXT NOT NULL,
    password  TEXT NOT NULL,
    seed      BLOB NOT NULL,
    step      INTEGER NOT NULL,
    disabled  INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE operator_links (
    hash     BLOB PRIMARY KEY,
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE operator_recovery (
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    hash     BLOB NOT NULL,
    PRIMARY KEY (tenant, operator, hash),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE operator_sessions (
    hash     BLOB PRIMARY KEY,
    id       TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    address  TEXT NOT NULL,
    browser  TEXT NOT NULL, how TEXT NOT NULL DEFAULT 'password', proven INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, operator, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE pictures (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    hash   TEXT NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT;
CREATE TABLE licences (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    part     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    operator TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, part, kind, subject)
) STRICT;
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
CREATE TABLE holds (
    tenant   TEXT NOT NULL REFERENCES tenants (id),
    person   TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, person)
) STRICT;
CREATE TABLE reminders (
    tenant  TEXT NOT NULL REFERENCES tenants (id),
    person  TEXT NOT NULL,
    days    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, days)
) STRICT;
CREATE TABLE expiry_sweeps (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    domain TEXT NOT NULL,
    day    TEXT NOT NULL,
    PRIMARY KEY (tenant, domain)
) STRICT;
CREATE TABLE operator_scopes (
    tenant   TEXT NOT NULL,
    operator TEXT NOT NULL,
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (tenant, operator, kind, value),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE audit_entries (
    tenant   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    support  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    activity TEXT NOT NULL,
    result   TEXT NOT NULL,
    actor    TEXT NOT NULL,
    target   TEXT NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_readers (
    reader  TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    holder  TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (reader, tenant)
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    told    INTEGER NOT NULL,
    cleared INTEGER NOT NULL,
    detail  TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE operator_passkeys (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    operator TEXT NOT NULL,
    hash     BLOB NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    secret   BLOB NOT NULL,
    step     INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    warned   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE operator_identities (
    tenant   TEXT NOT NULL,
    issuer   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    operator TEXT NOT NULL,
    mail     TEXT NOT NULL,
    mapped   INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    PRIMARY KEY (tenant, issuer, subject),
    UNIQUE (tenant, operator, issuer),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE TABLE audit_counts (
    tenant   TEXT NOT NULL,
    activity TEXT NOT NULL,
    slot     INTEGER NOT NULL,
    result   TEXT NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (tenant, activity, slot, result)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenants_account ON tenants (account) WHERE account <> '';
CREATE INDEX agents_tenant ON agents (tenant);
CREATE UNIQUE INDEX attempts_support ON attempts (support);
CREATE UNIQUE INDEX attempts_request ON attempts (tenant, request) WHERE request <> '';
CREATE INDEX attempts_session ON attempts (tenant, session, created);
CREATE INDEX attempts_open ON attempts (state) WHERE state IN ('submitted', 'not_sure');
CREATE INDEX attempts_created ON attempts (created);
CREATE INDEX limits_tat ON limits (tat);
CREATE INDEX audit_support ON audit (tenant, support, seq);
CREATE INDEX mails_due ON mails (due);
CREATE UNIQUE INDEX attempts_change ON attempts (tenant, person) WHERE kind = 'change' AND state = 'submitted';
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
CREATE INDEX addresses_person ON addresses (tenant, person);
CREATE INDEX groups_domain ON groups (tenant, domain, deleted);
CREATE INDEX groups_name ON groups (tenant, name_fold);
CREATE INDEX groups_sam ON groups (tenant, sam_fold);
CREATE INDEX group_members_member ON group_members (tenant, member);
CREATE INDEX sync_state_holder ON sync_state (holder);
CREATE INDEX sync_runs_started ON sync_runs (tenant, started);
CREATE INDEX sync_problems_value ON sync_problems (tenant, value) WHERE value <> '';
CREATE INDEX sync_problems_other ON sync_problems (tenant, other) WHERE other <> '';
CREATE INDEX sync_problems_person ON sync_problems (tenant, person) WHERE person <> '';
CREATE INDEX sync_problems_domain ON sync_problems (tenant, domain);
CREATE INDEX sync_waiting_domain ON sync_waiting (tenant, domain);
CREATE INDEX sync_preview_upn ON sync_preview (tenant, upn_fold) WHERE upn_fold <> '';
CREATE INDEX sync_preview_address ON sync_preview (tenant, address_fold) WHERE address_fold <> '';
CREATE UNIQUE INDEX devices_user ON devices (user_hash);
CREATE INDEX devices_expires ON devices (expires);
CREATE INDEX methods_person ON methods (tenant, person);
CREATE INDEX operator_links_operator ON operator_links (tenant, operator);
CREATE INDEX operator_sessions_expires ON operator_sessions (expires);
CREATE INDEX sync_preview_verdict ON sync_preview (tenant, domain, verdict, object);
CREATE INDEX sync_decisions_at ON sync_decisions (tenant, at);
CREATE INDEX licences_subject ON licences (tenant, kind, subject);
CREATE INDEX objections_person ON objections (tenant, person);
CREATE INDEX objections_expires ON objections (expires);
CREATE INDEX attempts_person ON attempts (tenant, person);
CREATE INDEX people_unfolded ON people (tenant, id) WHERE name_fold = ' ';
CREATE INDEX people_listed ON people (tenant, name_fold, id, disabled, object) WHERE deleted = 0;
CREATE INDEX people_surname ON people (tenant, surname_fold) WHERE surname_fold <> '';
CREATE INDEX people_place ON people (tenant, place_fold) WHERE deleted = 0;
CREATE UNIQUE INDEX audit_entries_support ON audit_entries (tenant, support) WHERE support <> '';
CREATE INDEX audit_entries_at ON audit_entries (tenant, at, seq);
CREATE INDEX audit_entries_activity ON audit_entries (tenant, activity, result, seq);
CREATE INDEX audit_entries_actor ON audit_entries (tenant, actor, seq);
CREATE INDEX audit_entries_actor_activity ON audit_entries (tenant, actor, activity, result, seq);
CREATE INDEX audit_entries_target ON audit_entries (tenant, target, seq, activity, result, actor);
CREATE INDEX operator_passkeys_operator ON operator_passkeys (tenant, operator);
INSERT INTO goose_db_version VALUES (1, 0, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (2, 1, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (3, 2, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (4, 3, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (5, 4, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (6, 5, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (7, 6, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (8, 7, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (9, 8, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (10, 9, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (11, 10, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (12, 11, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (13, 12, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (14, 13, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (15, 14, 1, '2026-11-28 11:47:03');
INSERT INTO goose_db_version VALUES (16, 15, 1, '2026-11-28 11:47:03');
INSERT INTO meta VALUES ('master key check', X'48574D016F7C991E93E3575B4F69B02282BB9A3474AF83D39F5AF718EC63941B84B945E2860EF2E0FAA8DE22C5CC22176FE936D6496AB9A0');
INSERT INTO tenants VALUES ('contoso', 'Contoso', 'AC', '{"unlock_only":false}', 1795000000000);
INSERT INTO secrets VALUES ('contoso', 'seed', X'48574D016F7C991E93E3575BE00332B9A6264E5CD6345B981BB8670AE2985B90FAE01F31EDC9B9E61674CEAB09F91FA9', 1795866423749);
INSERT INTO enrol_codes VALUES (X'68', 'contoso', 1795000000000, 1795003600000, '', '');
INSERT INTO agents VALUES ('U1', 'contoso', 1795000000000, '', '', X'01', '', '', 0, 'approved', 0, 0, '', 0, 0, 0, '', 0, 0, 0, '', '', 0, '', '', '', '', 0);
INSERT INTO attempts VALUES ('contoso', 'a1', 'HW-1', 1795000000000, 0, 'reset', X'', '', '', '', '', 'submitted', '', '{}', 0, '', 0, '0a', '', X'', 0, '[{"name":"agent","at":1}]', 0, 0, 0, 1795003600000, '{"request":"0a","dc":"dc1.corp.example","invocation":"","version":7,"password_set":0,"at":0}', '', '', '{}');
INSERT INTO codes VALUES ('contoso', 'a1', X'7269676874', 1795000000000, 1795003600000, 0, 0, '');
INSERT INTO audit VALUES ('contoso', 1, 1795000000000, 'HW-1', '', 'portal', 0, '', '', '', '', '', 0, X'', X'CD5A40B2B815F8BDB6B39247E0809CF99E51C4B95B36CA78E52C714BF2411DD5');
INSERT INTO audit VALUES ('contoso', 2, 1795000000000, '', '', 'relay', 0, '', '', '', '', '', 0, X'CD5A40B2B815F8BDB6B39247E0809CF99E51C4B95B36CA78E52C714BF2411DD5', X'FA2133EAEB7EB357F1CB0296AF92487D9CC46C9016330C31E3443878DF0100AA');
INSERT INTO audit_heads VALUES ('contoso', 2, X'FA2133EAEB7EB357F1CB0296AF92487D9CC46C9016330C31E3443878DF0100AA', X'DCA7371EF04A5EE842D221907CF8CC2E85CC1F60DA2C15CEE7A7FA2612416E9B');
INSERT INTO mails VALUES ('m1', 'contoso', X'01', 1795000000000, 1795003600000, 0, 0);
INSERT INTO people VALUES ('contoso', 'p1', '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 'corp.example', 'CORP', 'Åsa@corp.example', 'asa', '', '', '', 0, 0, 'i1', 1795000000000, 'corp.example', 'åsa@corp.example', '', 'corp\asa', 'asa', '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', '', '', '', '', '', '', 'null', 0, 0, 0, 0, 0, '', '', '', '', '', 'åsa@corp.example', '', '');
INSERT INTO people VALUES ('contoso', 'c1', '', '', '', 'anna@corp.example', '', 'anna@mail.example', '', '', 0, 0, '', 1795000000000, '', 'anna@corp.example', 'anna@mail.example', '', '', '', '', '', '', '', '', '', 'null', 0, 1795000000000, 0, 0, 0, '', '', '', '', '', 'anna@corp.example', '', '');
INSERT INTO addresses VALUES ('contoso', 'anna@mail.example', 'c1', 1);
INSERT INTO groups VALUES ('contoso', 'g1', 'corp.example', '', 'Staff', '', '', 0, '', 0, 0, 1795000000000, 'staff', '');
INSERT INTO group_members VALUES ('contoso', 'g1', '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 't');
INSERT INTO sync_state VALUES ('contoso', 'corp.example', 0, '', 1, 'U1', 'host', 1795000000000, 1, 0, X'', '', X'', '', 0, '', 0, 0, '', '', 0, '', 0, '', 0, 0, 0, 0, 0);
INSERT INTO sync_runs VALUES ('contoso', 'r1', 'corp.example', 0, 0, '', '', 1795000000000, 0, 'success', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO sync_problems VALUES ('contoso', 'o1', 'upn_taken', 'v', 'corp.example', '', '', '', '', '', 'p1', '', 0, 0, '', 1795000000000);
INSERT INTO sync_waiting VALUES ('contoso', 'o1', 'corp.example', '', '', '', 1795000000000, '{"object":"o1","anchor":"","dn":"","sam":"","upn":"v"}');
INSERT INTO sync_decisions VALUES ('contoso', 'o2', 'apart', 'c1', '', 'op', 1795000000000);
INSERT INTO sync_preview VALUES ('contoso', 'corp.example', 0, 'o1', 'create', '', '', '', '', '', '', '', '', '', '');
INSERT INTO roles VALUES ('contoso', 'c1', 'Global Administrator', '', '', 1795000000000);
INSERT INTO tenant_domains VALUES ('contoso', 'corp.example', 't', 1795000000000);
INSERT INTO cloud_passwords VALUES ('contoso', 'c1', '$x', 1795000000000, 0);
INSERT INTO operators VALUES ('contoso', 'o1', 'karin', 'karin', 'Reports Reader', '', X'', 0, 0, 1795000000000, 0);
INSERT INTO operator_links VALUES (X'6C696E6B', 'contoso', 'o1', 1795000000000, 1795003600000);
INSERT INTO operator_sessions VALUES (X'73657373696F6E', 's1', 'contoso', 'o1', 1795000000000, 1795000000000, 1795003600000, '', '', '', 0);
INSERT INTO objections VALUES ('contoso', X'6E6F74206D65', 'p1', '', 1795000000000, 1795003600000, 0);
INSERT INTO holds VALUES ('contoso', 'c1', 'op', 'why', 1795000000000);
INSERT INTO reminders VALUES ('contoso', 'p1', 7, 1795003600000, 1795000000000);
INSERT INTO expiry_sweeps VALUES ('contoso', 'corp.example', '2026-11-28');
INSERT INTO operator_scopes VALUES ('contoso', 'o1', 'unit', 'dc=exampledc=corp', 'DC=corp,DC=example');
INSERT INTO audit_entries VALUES ('contoso', 1, 'HW-1', 1795000000000, '', '', '', '');
INSERT INTO audit_entries VALUES ('contoso', 2, '', 1795000000000, '', '', '', '');
INSERT INTO audit_readers VALUES ('alerts', 'contoso', 2, 'server', 1795003600000);
INSERT INTO alerts VALUES ('contoso', 'writeback_stopped', 1795000000000, 1795000000000, 0, '{"kind":"writeback_stopped","values":{}}');
INSERT INTO operator_passkeys VALUES ('contoso', 'k1', 'o1', X'63726564656E7469616C', 'key', X'48574D016F7C991E93E3575B543740597D02A3D260D65DD0E149D710AC84EB2C62418A87EDD04615E8E4D39FFAB8', 0, 1795000000000, 0, 0);
INSERT INTO operator_identities VALUES ('contoso', 'https://login.example', 'sub', 'o1', '', 0, 1795000000000, 0);
INSERT INTO audit_counts VALUES ('contoso', '', 1994444, '', 2);
