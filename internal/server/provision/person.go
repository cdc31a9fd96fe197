// Package provision brings people and groups from directories into the cloud side, and keeps the accounts that exist
// there already. It matches the two without ever making a duplicate: what isn't certain is set aside and an operator
// decides. It keeps what the portal needs to find and reach somebody, never a password that could be read.
//
// Everything that an agent sends is applied in one transaction together with its number and its epoch, which no other
// transaction of the same tenant runs beside (see Store.SyncTx). What must be unique is so by constraints of the
// database too: object, source anchor, sign-in name and mail addresses of people.
package provision

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"homeward/internal/protocol"
)

// Person is somebody with an account in the cloud: synced from a directory, or made there.
type Person struct {
	Tenant  string
	ID      string // random, ours
	Anchor  string // source anchor, 32 hex digits; empty: a cloud account that nothing is known of on-premises
	Object  string // objectGUID: 32 hex digits of the bytes as Active Directory stores them; empty: a cloud account
	Domain  string // DNS name
	NetBIOS string
	// UPN is the name to sign in with. Among living people of a tenant it is unique, whatever the case.
	UPN         string
	ADUPN       string // userPrincipalName, where UPN comes from another attribute
	SAM         string
	Mail        string
	DisplayName string
	GivenName   string
	Surname     string
	Mobile      string
	Language    string
	More        map[string]string
	DN          string
	Disabled    bool
	Protected   bool
	PasswordSet time.Time
	Created     time.Time
	Run         string // the full run that last named the person
	Updated     time.Time

	Missing bool      // the directory no longer has them; they wait to be deleted
	Deleted time.Time // zero: living
	Joined  time.Time // when a cloud account that existed became this directory's
	How     How       // how it was joined; empty: it never was
	Hash    string    // of what was last taken in, so that the same again costs nothing
	Held    protocol.Reason

	Password       PasswordState
	PasswordReason protocol.Reason // why the directory refused the cloud password
}

// Cloud reports whether the account lives in the cloud only.
func (p Person) Cloud() bool { return p.Object == "" }

// Living reports whether the account isn't deleted.
func (p Person) Living() bool { return p.Deleted.IsZero() }

// Name is how operators know the person: NETBIOS\name, or the sign-in name of a cloud account.
func (p Person) Name() string {
	switch {
	case p.SAM != "":
		return p.NetBIOS + `\` + p.SAM
	case p.UPN != "":
		return p.UPN
	}
	return p.DisplayName
}

// How tells how an account was joined to one that existed.
type How string

// Ways to be joined. They are stored: never rename one.
const (
	HardMatch How = "hard"      // by source anchor
	SoftSMTP  How = "soft_smtp" // by primary mail address
	SoftUPN   How = "soft_upn"  // by sign-in name
	Linked    How = "linked"    // by an operator
)

// PasswordState tells which password a joined person has. Stored: never rename one.
type PasswordState string

// States of the password of somebody who was joined.
const (
	OnePassword   PasswordState = ""              // never joined
	FromDirectory PasswordState = "directory"     // the directory's stayed
	CloudPending  PasswordState = "cloud_pending" // the cloud's is to be written at the next good sign-in; not yet one
	CloudWriting  PasswordState = "cloud_writing" // it is on its way; the reason names the attempt
	CloudWritten  PasswordState = "cloud_written"
	CloudRefused  PasswordState = "cloud_refused" // the directory refused it: still two
)

// Claim is a mail address somebody has. An address belongs to one living person of a tenant.
type Claim struct {
	Address string // folded
	Person  string
	Primary bool
}

// Seen is the little of a person that tells whether anything changed.
type Seen struct {
	Object, Domain, Run, Hash string
	Missing, Deleted, Held    bool
}

// Group is a group of a directory.
type Group struct {
	Tenant, Object, Domain, DN, Name, SAM, Mail string
	Security                                    bool
	Run                                         string
	Missing                                     bool
	Deleted                                     time.Time
	Updated                                     time.Time
}

// Fold gives names that differ only in case the same text. NFC, as some keyboards send Å as A and a ring.
func Fold(name string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(name)))
}
