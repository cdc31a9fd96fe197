# Runs one command inside the lab root, as the first process of its own mount and pid namespaces.
# Arguments: root folder, instance folder (seen inside as /lab), command with its arguments.
# Nothing here has to be undone: the mounts belong to the namespace and end with it.
set -eu
root=$1 dir=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount --bind "$dir" "$root/lab"
if [ -f "$dir/etc/resolv.conf" ]; then
	mount --bind "$dir/etc/resolv.conf" "$root/etc/resolv.conf"
	mount --bind "$dir/etc/hosts" "$root/etc/hosts"
fi
exec chroot "$root" "$@"
