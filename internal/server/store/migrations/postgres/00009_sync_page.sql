-- +goose Up
-- What an agent's own configuration turns off for a domain.
ALTER TABLE agent_domains ADD COLUMN sync_off BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE agent_domains ADD COLUMN writeback_off BOOLEAN NOT NULL DEFAULT FALSE;
-- Verdicts are counted and listed by kind.
CREATE INDEX sync_preview_verdict ON sync_preview (tenant, domain, verdict, object);
CREATE INDEX sync_decisions_at ON sync_decisions (tenant, at);
