// Package audit is the record of what happened: append-only, one row per hop, chained by hashes so that a
// removed or altered row shows. It never holds a password, a code, a token or a name that was only typed.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Record is one row. Seq, Prev and Hash are set when it is appended.
type Record struct {
	Tenant   string
	Seq      int64 // per tenant, from 1, without gaps
	At       time.Time
	Support  string // support code: what ties the rows of one attempt together
	Activity string // field's name, such as "Reset password (self-service)"
	Hop      string // step along the path: portal, relay, agent, directory …
	Event    int    // catalogue code, 0 for none
	Result   string // ok, refused, failed, unknown
	Reason   string // protocol reason
	Actor    string // person id, agent id or operator
	Target   string // person id
	Detail   string // what the directory said
	Micros   int64  // how long the hop took, 0 unknown
	Prev     []byte
	Hash     []byte
}

// Chain returns the hash of r following a row with hash prev (nil for a tenant's first row). Fields are
// length-prefixed, so no two different rows hash the same bytes.
func Chain(prev []byte, r Record) []byte {
	h := sha256.New()
	put := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b))) //nolint:gosec // rows are far below 4 GiB
		h.Write(n[:])
		h.Write(b)
	}
	num := func(v int64) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(v)) //nolint:gosec // a bit pattern
		put(n[:])
	}
	put([]byte("homeward audit 1"))
	put(prev)
	num(r.Seq)
	num(r.At.UnixMilli())
	num(int64(r.Event))
	num(r.Micros)
	for _, s := range []string{r.Tenant, r.Support, r.Activity, r.Hop, r.Result, r.Reason, r.Actor, r.Target, r.Detail} {
		put([]byte(s))
	}
	return h.Sum(nil)
}
