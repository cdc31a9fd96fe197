package activedirectory

import (
	"testing"
	"time"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

type personSignIn struct {
	name     string
	prepare  func(testing.TB, lab.Person)
	password string // empty: the right one
	bind     string
	reason   protocol.Reason
}

func personSignIns(dc *dctest.DC) []personSignIn {
	return []personSignIn{
		{name: "right", prepare: func(testing.TB, lab.Person) {}},
		{
			name: "wrong", prepare: func(testing.TB, lab.Person) {}, password: "Wrong-Kettle-42",
			bind: "52e", reason: protocol.ReasonWrongPassword,
		},
		{name: "locked", prepare: dc.Lock, bind: "775", reason: protocol.ReasonDirectoryError},
		{name: "disabled", prepare: dc.Disable, bind: "533", reason: protocol.ReasonDirectoryError},
		{name: "must change", prepare: dc.MustChange, bind: "773", reason: protocol.ReasonDirectoryError},
		{
			name: "must change and wrong", prepare: dc.MustChange, password: "Wrong-Kettle-42",
			bind: "52e", reason: protocol.ReasonWrongPassword,
		},
		{
			name: "account expired", bind: "701", reason: protocol.ReasonDirectoryError,
			prepare: func(t testing.TB, p lab.Person) { dc.Set(t, p.DN, "accountExpires", "132000000000000000") },
		},
		{
			name: "password expired", bind: "532", reason: protocol.ReasonDirectoryError,
			prepare: func(t testing.TB, p lab.Person) { expirePassword(t, dc, p) },
		},
		{
			name: "outside logon hours", bind: "530", reason: protocol.ReasonDirectoryError,
			prepare: func(t testing.TB, p lab.Person) { dc.Set(t, p.DN, "logonHours", string(make([]byte, 21))) },
		},
	}
}

func expirePassword(t testing.TB, dc *dctest.DC, p lab.Person) {
	t.Helper()
	dc.ApplyPSO(t, p, dctest.Policy{MaxAge: 24 * time.Hour})
}
