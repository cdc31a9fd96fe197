package activedirectory

import (
	"context"

	"homeward/internal/protocol"
)

// Change replaces the current password by next, as the person who knows both.
func (d *Directory) Change(context.Context, Account, []byte, []byte) error {
	return &Error{Reason: protocol.ReasonInternal, doing: "change is not built yet"}
}

// MustChange makes the person choose another password at the next sign-in.
func (d *Directory) MustChange(context.Context, Account) (protocol.MustChange, error) {
	return protocol.MustChangeRefused, &Error{Reason: protocol.ReasonInternal, doing: "must-change is not built yet"}
}
