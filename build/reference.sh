#!/usr/bin/env bash
# Writes the generated reference pages from the code: events, command line, configuration keys.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-docs/reference}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/" ./cmd/homeward ./cmd/homeward-agent
"$bin/homeward" events >"$out/events.md"
"$bin/homeward" operator roles >"$out/roles.md"
# Written by go test ./test/contract -update, which compares it with what ran too.
[ "$out" -ef docs/reference ] || cp docs/reference/contract.md "$out/"
{
  printf '# Command line\n\nGenerated from the binaries. Exit codes: 0 ok, 1 failed, 2 wrong usage.\n'
  for verb in "homeward" "homeward server" "homeward status" "homeward tenant create" "homeward tenant list" \
    "homeward agent code" "homeward agent list" "homeward agent drain" "homeward agent resume" "homeward agent cut-off" "homeward agent accept-move" \
    "homeward agent approve" "homeward agent sync status" \
    "homeward connect wizard" "homeward connect preview" \
    "homeward sync now" "homeward sync status" "homeward sync history" "homeward sync problems" "homeward sync decide" "homeward sync preview" \
    "homeward sync passwords" "homeward sync allow-deletions" "homeward sync off" "homeward sync on" "homeward sync rules" \
    "homeward people create" "homeward people load" "homeward people accounts" "homeward people remove" "homeward people check-password" "homeward people pass" \
    "homeward role set" "homeward role clear" "homeward role list" "homeward group find" "homeward group scope" \
    "homeward domain add" "homeward domain verify" "homeward domain remove" "homeward domain list" \
    "homeward licence show" "homeward licence list" "homeward licence need" "homeward licence add" "homeward licence remove" \
    "homeward licence give" "homeward licence take" "homeward licence holders" "homeward licence seats" \
    "homeward operator invite" "homeward operator list" "homeward operator reset" "homeward operator disable" "homeward operator scope" "homeward operator role" "homeward operator end-sessions" "homeward operator factors" "homeward operator remove" "homeward operator link" "homeward operator oidc show" "homeward operator oidc set" "homeward operator oidc groups" "homeward operator oidc off" "homeward operator roles" "homeward tenant checks" \
    "homeward people reset" "homeward people unlock" "homeward people probe" "homeward people can-reset" \
    "homeward test-write" "homeward keys status" "homeward keys roll" \
    "homeward audit show" "homeward audit verify" "homeward audit export" "homeward alert list" "homeward alert secret" "homeward config check" "homeward demo" "homeward-agent" "homeward-agent check" "homeward-agent doctor" \
    "homeward-agent grant" "homeward-agent revoke" \
    "homeward-agent connect wizard" "homeward-agent enrol" "homeward-agent run"; do
    printf '\n## %s\n\n```\n' "$verb"
    "$bin/"$verb --help
    printf '```\n'
  done
} >"$out/commands.md"
{
  printf '# Configuration\n\nGenerated from the code. Environment variables named HOMEWARD_ and the key in capitals, dots as underscores, win over the file.\n'
  for part in server agent; do
    printf '\n## %s.yaml\n\n| Key | Meaning |\n|---|---|\n' "$part"
    "$bin/homeward" config keys "$part"
  done
} >"$out/configuration.md"
