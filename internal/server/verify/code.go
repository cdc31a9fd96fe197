package verify

import "time"

// Code is one sent code, stored only as a keyed hash.
type Code struct {
	Tenant  string
	Attempt string
	Hash    []byte // HMAC-SHA-256 of attempt and code under the server's code key
	Sent    time.Time
	Expires time.Time
	Tries   int // wrong answers so far
	Used    bool
	Purpose string // which method it was sent to: the code proves nothing else; empty is the directory's mail address
}
