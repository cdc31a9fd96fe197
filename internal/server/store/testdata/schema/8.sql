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
    expires   INTEGER NOT NULL, mark TEXT NOT NULL DEFAULT '{}', must_change TEXT NOT NULL DEFAULT '', operator TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, id)
) STRICT;
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
    imported INTEGER NOT NULL,
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
    browser  TEXT NOT NULL,
    UNIQUE (tenant, operator, id),
    FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT;
CREATE UNIQUE INDEX tenants_account ON tenants (account) WHERE account <> '';
CREATE INDEX people_upn ON people (tenant, upn_fold);
CREATE INDEX people_mail ON people (tenant, mail_fold);
CREATE INDEX people_down ON people (tenant, down_fold);
CREATE INDEX people_sam ON people (tenant, sam_fold);
CREATE INDEX people_domain ON people (tenant, domain_fold);
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
CREATE INDEX operator_links_operator ON operator_links (tenant, operator);
CREATE INDEX operator_sessions_expires ON operator_sessions (expires);
CREATE INDEX audit_at ON audit (tenant, at, seq);
CREATE INDEX audit_activity ON audit (tenant, activity, seq);
CREATE INDEX audit_activity_result ON audit (tenant, activity, result, seq);
CREATE INDEX audit_result ON audit (tenant, result, seq);
CREATE INDEX audit_actor ON audit (tenant, actor, seq);
CREATE INDEX audit_target ON audit (tenant, target, seq);
INSERT INTO goose_db_version VALUES (1, 0, 1, '2026-11-28 04:34:16');
INSERT INTO goose_db_version VALUES (2, 1, 1, '2026-11-28 04:34:16');
INSERT INTO goose_db_version VALUES (3, 2, 1, '2026-11-28 04:34:16');
INSERT INTO goose_db_version VALUES (4, 3, 1, '2026-11-28 04:34:16');
INSERT INTO goose_db_version VALUES (5, 4, 1, '2026-11-28 04:34:16');
INSERT INTO goose_db_version VALUES (6, 8, 1, '2026-11-28 04:34:16');
INSERT INTO meta VALUES ('master key check', X'48574D016F7C991E93E3575BA91CB6CB26D027E6221548AA44A308AA2D9BE091BBB5CEE76E436CB1E94BB29F585D7E56DE3217AF8EB009AB');
INSERT INTO tenants VALUES ('contoso', 'Contoso', 'AC', '{"unlock_only":false}', 1795000000000);
INSERT INTO secrets VALUES ('contoso', 'seed', X'48574D016F7C991E93E3575B0B391CC0D024B947B6CE53E7B2F37B21657E4F3474810CD266CADED92E6F1E6E21582097', 1795840456726);
INSERT INTO people VALUES ('contoso', 'p1', '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 'corp.example', 'CORP', 'Åsa@corp.example', 'asa', '', '', '', 0, 0, 'i1', 1795000000000, 'corp.example', 'åsa@corp.example', '', 'corp\asa', 'asa');
INSERT INTO enrol_codes VALUES (X'68', 'contoso', 1795000000000, 1795003600000, '', '');
INSERT INTO agents VALUES ('U1', 'contoso', 1795000000000, '', '', X'01', '', '', 0, 'approved', 0, 0, '', 0, 0, 0, '', 0, 0, 0, '', '', 0, '', '', '', '', 0);
INSERT INTO attempts VALUES ('contoso', 'a1', 'HW-1', 1795000000000, 0, 'reset', X'', '', '', '', '', 'submitted', '', '{}', 0, '', 0, '0a', '', X'', 0, '[{"name":"agent","at":1}]', 0, 0, 0, 1795003600000, '{"request":"0a","dc":"dc1.corp.example","invocation":"","version":7,"password_set":0,"at":0}', '', '');
INSERT INTO codes VALUES ('contoso', 'a1', X'7269676874', 1795000000000, 1795003600000, 0, 0);
INSERT INTO audit VALUES ('contoso', 1, 1795000000000, 'HW-1', '', 'portal', 0, '', '', '', '', '', 0, X'', X'CD5A40B2B815F8BDB6B39247E0809CF99E51C4B95B36CA78E52C714BF2411DD5');
INSERT INTO audit VALUES ('contoso', 2, 1795000000000, '', '', 'relay', 0, '', '', '', '', '', 0, X'CD5A40B2B815F8BDB6B39247E0809CF99E51C4B95B36CA78E52C714BF2411DD5', X'FA2133EAEB7EB357F1CB0296AF92487D9CC46C9016330C31E3443878DF0100AA');
INSERT INTO audit_heads VALUES ('contoso', 2, X'FA2133EAEB7EB357F1CB0296AF92487D9CC46C9016330C31E3443878DF0100AA', X'DCA7371EF04A5EE842D221907CF8CC2E85CC1F60DA2C15CEE7A7FA2612416E9B');
INSERT INTO mails VALUES ('m1', 'contoso', X'01', 1795000000000, 1795003600000, 0, 0);
INSERT INTO operators VALUES ('contoso', 'o1', 'karin', 'karin', 'Reports Reader', '', X'', 0, 0, 1795000000000, 0);
INSERT INTO operator_links VALUES (X'6C696E6B', 'contoso', 'o1', 1795000000000, 1795003600000);
INSERT INTO operator_sessions VALUES (X'73657373696F6E', 's1', 'contoso', 'o1', 1795000000000, 1795000000000, 1795003600000, '', '');
