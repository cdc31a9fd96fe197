package lab

// Backend is a kind of database that Samba keeps its directory in. It decides what a search costs, and nothing else.
type Backend int

const (
	// SmallBackend is Samba's usual database, tdb. Its indexes know equality only: a search for what has changed since
	// (uSNChanged>=N), and with it DirSync and each change notification, walks through everybody.
	SmallBackend Backend = iota
	// LargeBackend is mdb (LMDB), which Samba recommends for large domains. Its indexes are ordered, as those of a Microsoft DC
	// are, so that such a search costs what has changed.
	LargeBackend
)

// backendSize is the most that one partition may become; tdb knows no such limit. The file grows as it is filled: 100,000
// people need less than 2 GB.
const backendSize = "8Gb"

// store is what samba-tool calls it.
func (b Backend) store() string {
	if b == LargeBackend {
		return "mdb"
	}
	return "tdb"
}
