package notify

import "time"

// Mail is one message in the queue. Its body holds codes, so the store only ever sees Sealed.
type Mail struct {
	ID      string
	Tenant  string
	Sealed  []byte // the whole message, sealed with the master key, bound to the row
	Due     time.Time
	Expires time.Time // not worth sending afterwards
	Tries   int
}
