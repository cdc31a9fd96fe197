package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom PostgreSQL runs as. It refuses to run as root, so root picks somebody else.
type account struct {
	credential *syscall.Credential // nil: the same user as the test
}

func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return account{}, fmt.Errorf("account %s: %w", name, err)
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("running as root, and there is neither a postgres nor a nobody account to run PostgreSQL as")
}

// own gives the folder to the account.
func (a account) own(folder string) error {
	if a.credential == nil {
		return nil
	}
	if err := os.Chown(folder, int(a.credential.Uid), int(a.credential.Gid)); err != nil {
		return fmt.Errorf("hand over the folder: %w", err)
	}
	return nil
}

// attributes make the process the account's and end it with us. SIGQUIT is PostgreSQL's immediate shutdown:
// unlike SIGKILL it takes the server's children and shared memory along.
func (a account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Pdeathsig: syscall.SIGQUIT}
}

// base is the folder for clusters: in memory when there is plenty (a container's /dev/shm may have 64 MB only),
// as a database has a thousand small files and making one is most of what a short test waits for.
func base() string {
	const memory, enough = "/dev/shm", 2 << 30
	var st syscall.Statfs_t
	if err := syscall.Statfs(memory, &st); err != nil || st.Bavail*uint64(st.Bsize) < enough {
		return os.TempDir()
	}
	return memory
}

// hold locks the folder for as long as this process lives.
func hold(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the folder: %w", err), f.Close())
	}
	return f, nil
}

// sweep removes what earlier test binaries left behind: a server outlives its last test, so nobody else can.
// It is a courtesy; what cannot be removed stays.
func sweep() {
	folders, err := filepath.Glob(filepath.Join(base(), folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		// A folder without a lock is just being made.
		f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(folder) // see above
		}
		_ = f.Close() // nothing was written
	}
}
