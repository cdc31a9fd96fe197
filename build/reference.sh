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
  cat <<'EOF'
# Command line

Generated from the binaries. See [Use the command line](../how-to/command-line.md) for completion and for use in scripts.

| Exit code | Meaning |
|---|---|
| 0 | Done, or the answer is yes. |
| 1 | Not done, or the answer is no: writeback doesn't work, somebody can't reset, the audit log was altered. |
| 2 | What was typed can't be right. Nothing was asked or done. |

Answers go to standard output; errors, and what stands beside an answer that is to be copied, to standard error. With `--json` an
answer is one JSON document. Its times are RFC 3339 in UTC, an empty list is `[]`, and a field that is left out has no value. Fields
are added, never renamed.
EOF
  "$bin/homeward" __reference
  "$bin/homeward-agent" __reference
} >"$out/commands.md"
{
  printf '# Configuration\n\nGenerated from the code. Environment variables named HOMEWARD_ and the key in capitals, dots as underscores, win over the file.\n'
  for part in server agent; do
    printf '\n## %s.yaml\n\n| Key | Meaning |\n|---|---|\n' "$part"
    "$bin/homeward" config keys "$part"
  done
} >"$out/configuration.md"
