#!/usr/bin/env bash
# Runs every fuzz target in the tree for the given time each.
set -euo pipefail
time=${1:-30s}
status=0
while IFS=: read -r file line; do
  name=$(sed -E 's/func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$line")
  echo "== $name ($(dirname "$file"))"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")" || status=1
done < <(git grep -E "^func Fuzz" -- "*_test.go")
exit $status
