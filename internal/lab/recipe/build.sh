# Makes the lab root: a Debian release with Samba's AD DC from one of its suites.
# Arguments: target folder, mirror, keyring, release, suite (the release itself or its backports). Runs in its
# own mount and pid namespaces, so an interrupted build leaves no mount behind.
set -eu
target=$1 mirror=$2 keyring=$3 release=$4 suite=$5
mount --make-rprivate /
mount -t proc proc /proc

# --force-check-gpg: without it a missing keyring would only be a warning.
debootstrap --variant=minbase --force-check-gpg --keyring="$keyring" "$release" "$target" "$mirror"

printf 'deb %s %s main\n' "$mirror" "$release" >"$target/etc/apt/sources.list"
[ "$suite" = "$release" ] || printf 'deb %s %s main\n' "$mirror" "$suite" >>"$target/etc/apt/sources.list"
cat >"$target/etc/dpkg/dpkg.cfg.d/lab" <<-EOF
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/locale/*
	force-unsafe-io
EOF
cat >"$target/etc/apt/apt.conf.d/90lab" <<-EOF
	APT::Install-Recommends "false";
	Acquire::Languages "none";
EOF
# No package may start a service while it is being installed.
printf '#!/bin/sh\nexit 101\n' >"$target/usr/sbin/policy-rc.d"
chmod 755 "$target/usr/sbin/policy-rc.d"

mount -t proc proc "$target/proc"
export DEBIAN_FRONTEND=noninteractive
chroot "$target" apt-get -q update
# samba-ad-provision is only a Recommends of samba-ad-dc, and provisioning needs it.
chroot "$target" apt-get -q -y -t "$suite" install samba-ad-dc samba-ad-provision ldb-tools
umount "$target/proc"

# What a throw-away DC never reads. Python's own caches stay: they save half a second at each start.
rm -rf "$target"/usr/share/doc/* "$target"/usr/share/man/* "$target"/usr/share/locale/* \
	"$target"/var/cache/apt/* "$target"/var/lib/apt/lists/* "$target"/var/log/*
mkdir -p "$target/lab"
: >"$target/etc/resolv.conf"
: >"$target/etc/hosts"
