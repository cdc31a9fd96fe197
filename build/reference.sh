#!/usr/bin/env bash
# Writes the generated reference pages from the code: events, command line, configuration keys.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-docs/reference}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/" ./cmd/homeward ./cmd/homeward-agent
"$bin/homeward" events >"$out/events.md"
# Written by go test ./test/contract -update, which compares it with what ran too.
[ "$out" -ef docs/reference ] || cp docs/reference/contract.md "$out/"
{
  printf '# Command line\n\nGenerated from the binaries. Exit codes: 0 ok, 1 failed, 2 wrong usage.\n'
  for verb in "homeward" "homeward server" "homeward status" "homeward tenant create" "homeward tenant list" \
    "homeward agent code" "homeward agent list" "homeward agent drain" "homeward agent resume" "homeward agent cut-off" "homeward agent accept-move" \
    "homeward people import" "homeward people reset" "homeward people unlock" "homeward people probe" \
    "homeward test-write" "homeward keys status" "homeward keys roll" \
    "homeward audit show" "homeward audit check" "homeward config check" "homeward demo" "homeward-agent" "homeward-agent check" "homeward-agent doctor" \
    "homeward-agent grant" "homeward-agent revoke" \
    "homeward-agent enrol" "homeward-agent run"; do
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
