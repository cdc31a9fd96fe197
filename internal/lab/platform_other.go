//go:build !linux

package lab

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

type lockMode int

const (
	lockShared lockMode = iota
	lockExclusive
)

const (
	signalStop     = syscall.SIGTERM
	signalKill     = syscall.SIGKILL
	signalFreeze   = syscall.SIGTERM
	signalContinue = syscall.SIGTERM
)

var errNotLinux = errors.New("the lab runs on Linux only: it needs mount and pid namespaces")

func platformUsable() error               { return errNotLinux }
func tryLock(*os.File, lockMode) error    { return errNotLinux }
func isolate(*exec.Cmd)                   {}
func signalOne(int, syscall.Signal) error { return errNotLinux }
func members(int) ([]int, error)          { return nil, errNotLinux }
func frozen(int) bool                     { return false }
