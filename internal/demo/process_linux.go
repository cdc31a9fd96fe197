package demo

import "syscall"

// dieWithParent ties a child's life to ours. A process group of its own keeps the terminal's Ctrl-C away from
// it: we stop it ourselves, in order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
