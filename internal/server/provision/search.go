package provision

// Search is what people are looked for by. Its zero value is everybody, in the order of their names.
type Search struct {
	Find string // how a name, a sign-in name, an account name or a mail address begins
	ID   string // one person
	// Reach bounds who can be found; nil: everybody.
	Reach *Reach
	// Objects bounds it to these accounts, by objectGUID in hex; nil: whatever account.
	Objects []string
	Account AccountState
	Source  Source
	// After and Before are ids of people at the end and at the beginning of the page that is shown.
	After, Before string
	Limit         int // zero: 50
}

// Reach is whom somebody may find: the people of any of these groups, and of the groups in them, and those below any
// of these places. One without either reaches nobody.
type Reach struct {
	Groups []string // objectGUIDs
	Places []string // see Place
}

// AccountState chooses by what the directory says of the account.
type AccountState string

// Account states. The empty one is any.
const (
	Active   AccountState = "active"
	Disabled AccountState = "disabled"
)

// Source chooses by where the account lives.
type Source string

// Sources. The empty one is any.
const (
	FromDirectories Source = "directory"
	InCloud         Source = "cloud"
)
