//go:build !linux

package pgtest

import (
	"os"
	"syscall"
)

// Elsewhere the server runs as the test's user and must be ended by hand when a test binary is killed.
type account struct{}

func unprivileged() (account, error)             { return account{}, nil }
func (account) own(string) error                 { return nil }
func (account) attributes() *syscall.SysProcAttr { return nil }
func base() string                               { return os.TempDir() }
func hold(string) (*os.File, error)              { return nil, nil } //nolint:nilnil // nothing to hold
func sweep()                                     {}
