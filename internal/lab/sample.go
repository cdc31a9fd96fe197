package lab

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// Kind is the state a sample person is in. The values are fixed: the demo prints them.
type Kind string

// The kinds of sample people; [DC.Person] finds one.
const (
	KindOrdinary        Kind = "ordinary"         // can be reset, changed and unlocked
	KindLocked          Kind = "locked"           // locked by wrong passwords at the start; lasts ten minutes
	KindDisabled        Kind = "disabled"         // userAccountControl ACCOUNTDISABLE
	KindExpired         Kind = "expired"          // password older than the domain's maximum age
	KindMustChange      Kind = "must-change"      // pwdLastSet is 0
	KindNeverExpires    Kind = "never-expires"    // userAccountControl DONT_EXPIRE_PASSWD
	KindFineGrained     Kind = "fine-grained"     // a PSO asks for 16 characters
	KindProtected       Kind = "protected"        // Domain Admins, adminCount 1, DACL of AdminSDHolder
	KindInheritanceCut  Kind = "inheritance-cut"  // DACL protected: the OU's rights do not reach it
	KindNonASCII        Kind = "non-ascii"        // name with letters outside ASCII
	KindSharedMail      Kind = "shared-mail"      // two accounts with one mail address
	KindNoMail          Kind = "no-mail"          // no mail attribute
	KindRecentlyChanged Kind = "recently-changed" // password set at the start: minimum age of two minutes runs
)

// Person is one sample person.
type Person struct {
	DisplayName string
	UPN         string
	SAM         string
	Mail        string
	DN          string
	GUID        string // objectGUID in its usual text form
	Kind        Kind
	Password    string // the present one
}

// String leaves the password out.
func (p Person) String() string { return p.UPN }

// GoString leaves the password out, for %#v.
func (p Person) GoString() string { return fmt.Sprintf("lab.Person{UPN:%q, Kind:%q}", p.UPN, p.Kind) }

// userAccountControl bits, [MS-ADTS] 2.2.16.
const (
	uacNormalAccount = 0x200
	uacDisabled      = 0x2
	uacNeverExpires  = 0x10000
)

// Days since the password was set. Maximum age is 90 days, and a cached template gets up to a week older.
const (
	ordinaryAgeDays = 40
	expiredAgeDays  = 120
)

// sampleRow is what differs between sample people.
type sampleRow struct {
	given, family, sam, mail string
	ou                       int
	kind                     Kind
}

func sampleRows() []sampleRow {
	const design, sales, research = 0, 1, 2
	return []sampleRow{
		{"Amara", "Okafor", "amara.okafor", "amara.okafor@fastmail.example", design, KindOrdinary},
		{"Sam", "Berg", "sam.berg", "sam.berg@mail.example", design, KindLocked},
		{"Lena", "Fischer", "lena.fischer", "lena.fischer@fastmail.example", design, KindMustChange},
		{"Priya", "Nair", "priya.nair", "priya.nair@mail.example", design, KindNeverExpires},
		{"Marcus", "Webb", "marcus.webb", "m.webb@post.example", design, KindExpired},
		{"Jonas", "Lind", "jonas.lind", "jonas.lind@mail.example", sales, KindDisabled},
		{"Grace", "Kim", "grace.kim", "grace.kim@fastmail.example", sales, KindRecentlyChanged},
		{"Nadia", "Haddad", "nadia.haddad", "haddad.family@mail.example", sales, KindSharedMail},
		{"Omar", "Haddad", "omar.haddad", "haddad.family@mail.example", sales, KindSharedMail},
		{"Henrik", "Dahl", "henrik.dahl", "", sales, KindNoMail},
		{"Ruth", "Adeyemi", "ruth.adeyemi", "ruth.adeyemi@post.example", sales, KindInheritanceCut},
		{"Karin", "Holm", "karin.holm", "karin.holm@mail.example", research, KindProtected},
		{"Ingrid", "Solberg", "ingrid.solberg", "ingrid.solberg@fastmail.example", research, KindFineGrained},
		{"Åsa", "Öberg", "asa.oberg", "asa.oberg@mail.example", research, KindNonASCII},
		{"David", "Moreau", "david.moreau", "david.moreau@post.example", research, KindOrdinary},
		{"Mei", "Chen", "mei.chen", "mei.chen@mail.example", research, KindOrdinary},
	}
}

// samplePeople are the sample's accounts with fresh passwords and without GUIDs, which only the directory knows.
func samplePeople(domain Domain) []Person {
	ous := domain.organizationalUnits()
	var people []Person
	for _, r := range sampleRows() {
		name := r.given + " " + r.family
		people = append(people, Person{
			DisplayName: name, UPN: r.sam + "@" + domain.UPNSuffix, SAM: r.sam, Mail: r.mail,
			DN: "CN=" + name + "," + ous[r.ou], Kind: r.kind, Password: RandomPassword(),
		})
	}
	return people
}

// RandomPassword is a password of 17 characters that meets the lab's policies, PSO included, and can be typed.
func RandomPassword() string {
	const letters = "bcdfghjkmnpqrstvwxz"
	pick := func(from string) byte {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(from))))
		if err != nil { // crypto/rand ends the process rather than return an error since Go 1.24
			return from[0]
		}
		return from[n.Int64()]
	}
	b := []byte("Xxxx-xxxx-xxxx-99")
	for i, c := range b {
		switch c {
		case 'X':
			b[i] = pick("BCDFGHJKMNPQRSTVWXZ")
		case 'x':
			b[i] = pick(letters)
		case '9':
			b[i] = pick("23456789")
		}
	}
	return string(b)
}
