// Package provision brings people from a directory into the cloud side. For now that is the first import:
// whole pages of people from one agent. It keeps what the portal needs to find and reach somebody, never a
// password or a hash.
package provision

import "time"

// Person is somebody imported from a directory.
type Person struct {
	Tenant      string
	ID          string // random, ours
	Anchor      string // objectGUID: 32 hex digits of the bytes as Active Directory stores them
	Domain      string // DNS name
	NetBIOS     string
	UPN         string
	SAM         string
	Mail        string
	DisplayName string
	DN          string
	Disabled    bool
	Protected   bool
	Import      string // id of the import that last named the person
	Updated     time.Time
}
