#!/usr/bin/env bash
# Installs what the demo needs, or with the word "test" what the tests need too, as far as it is missing.
# Debian 12, as root.
set -euo pipefail
need=()
want() { command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || need+=("$2"); }
want debootstrap debootstrap
want zstd zstd
want gpgv gpgv
want unshare util-linux
if [ "${1:-}" = test ]; then
  want chromium chromium
  [ -d /usr/share/fonts/truetype ] || need+=(fonts-liberation) # the browser's pages are measured
  [ -e /usr/share/fonts/opentype/ipafont-gothic ] || need+=(fonts-ipafont-gothic) # Japanese, full width
  want npm npm
  want ldapsearch ldap-utils # the bench's yardstick
  want zsh zsh # completion is tried in the shells themselves
  want fish fish
  want ip iproute2 # cables that can be pulled
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need+=(postgresql)
fi
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need+=(debian-archive-keyring)
[ ${#need[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "Missing Debian packages: ${need[*]}. Install them as root: apt-get install ${need[*]}" >&2
  exit 1
fi
echo "Installing ${need[*]} …"
export DEBIAN_FRONTEND=noninteractive
# A database server of our own is started by the tests; the packaged one must not be.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
