package protocol

// MaxRules is how many password policies of a domain one answer to Rules has.
const MaxRules = 64

// RulesRequest is the body of a Rules, in the place of a sealed secret. The header's anchor is empty: it names a domain.
type RulesRequest struct {
	Version int    `json:"v"`
	Domain  string `json:"domain"`
}

// RulesAnswer answers Rules: the password policies of a domain, its own first and then the fine-grained ones, the one that wins
// over others before them.
type RulesAnswer struct {
	Version  int            `json:"v"`
	Request  string         `json:"request"`
	Reason   Reason         `json:"reason,omitempty"` // why nothing is known
	DC       string         `json:"dc,omitempty"`
	Withheld bool           `json:"withheld,omitempty"` // the agent's configuration tells nobody the rules
	Policies []PasswordRule `json:"policies,omitempty"`
	More     int            `json:"more,omitempty"` // policies that are left out
	// Unseen: the agent may not read the Password Settings Container, or something in it. The directory then answers as if nothing
	// were there, so there may be fine-grained policies beside these.
	Unseen bool `json:"unseen,omitempty"`
}

// PasswordRule is one password policy.
type PasswordRule struct {
	Name       string `json:"name,omitempty"`       // of a fine-grained policy; none: the domain's own
	Precedence int    `json:"precedence,omitempty"` // of a fine-grained policy: the lowest wins
	// AppliesTo names the first few groups and people it is linked to, Linked says how many there are.
	AppliesTo  []string `json:"applies_to,omitempty"`
	Linked     int      `json:"linked,omitempty"`
	MinLength  int      `json:"min_length"`
	Complexity bool     `json:"complexity"`
	History    int      `json:"history"`
	MinAge     int64    `json:"min_age_ms"`
	MaxAge     int64    `json:"max_age_ms"` // 0: a password never expires
	Threshold  int      `json:"threshold"`  // wrong passwords that lock an account; 0: nothing does
	Window     int64    `json:"window_ms"`  // for which a wrong password counts
	Lockout    int64    `json:"lockout_ms"` // 0: until somebody unlocks the account
}

// Standing is one way in which accounts stand, by which people can be looked for.
type Standing string

// Standings. An account that is turned off has none of them.
const (
	StandingLocked Standing = "locked"      // as the directory computes it: a lockout that has elapsed is none
	StandingMust   Standing = "must_change" // the password, at the next sign-in
	StandingEnded  Standing = "ended"       // the account itself has expired
)

// Standings lists them.
func Standings() []Standing { return []Standing{StandingLocked, StandingMust, StandingEnded} }

// MaxWhich is how many people one answer to Which has.
const MaxWhich = 100

// WhichRequest is the body of a Which, in the place of a sealed secret. The header's anchor is empty: whom it is about is asked.
type WhichRequest struct {
	Version  int      `json:"v"`
	Domain   string   `json:"domain"`
	Standing Standing `json:"standing"`
}

// WhichAnswer answers Which: the people of a domain whose accounts stand that way now.
type WhichAnswer struct {
	Version int      `json:"v"`
	Request string   `json:"request"`
	Reason  Reason   `json:"reason,omitempty"` // why nothing is known
	People  []string `json:"people,omitempty"` // objectGUIDs, 32 hex digits
	More    bool     `json:"more,omitempty"`   // there are more, or there may be: the agent stopped looking
}
