package admin

import (
	"errors"
	"net/http"
	"strconv"

	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// MethodsPage says how people prove who they are: GET and POST /admin/password-reset/methods.
type MethodsPage struct {
	Settings

	Required     int
	Rows         []MethodRow
	Directory    bool // the directory's mail address proves somebody
	Pass         bool
	SetUp, Asked int // security questions
	Few          int // people who have too few methods
	Helped       int // of them those whom one check would help
}

// MethodRow is one kind of method.
type MethodRow struct {
	Kind, Name, About, Icon string
	Phishing                string // yes, partly or no
	Registered, Last        int
	On, Editable            bool
	Why                     string // it can't be turned on
}

// Template names the page's file.
func (MethodsPage) Template() string { return "methods" }

// Title is the page's one h1.
func (p MethodsPage) Title() string { return p.T("admin.nav.methods") }

// Crumbs lead to the page.
func (p MethodsPage) Crumbs() []Crumb { return p.crumbs(p.Title()) }

// Numbers are the choices for security questions.
func (MethodsPage) Numbers() []int { return []int{3, 4, 5} }

// Stops says in words whether a kind stops phishing.
func (p MethodsPage) Stops(r MethodRow) string {
	switch r.Phishing {
	case "yes":
		return p.T("admin.methods.yes")
	case "no":
		return p.T("admin.methods.no")
	}
	return p.T("admin.methods.partly")
}

// works reports whether the server can carry a kind out.
func (v *visit) works(kind string) bool {
	switch kind {
	case "text":
		return v.Desk.Texts
	case "passkey":
		return v.Desk.Passkeys
	}
	return true
}

// methods fills the page with rules, which need not be the stored ones.
func (v *visit) methods(rules tenant.Checks) (MethodsPage, error) {
	p := MethodsPage{
		Settings: v.base(methodsPath, setting.Methods(v.tenant.Settings)), Required: rules.Need(false), Directory: !rules.RegisteredOnly,
		Pass: !rules.PassOff, SetUp: rules.SetUp(), Asked: rules.Asked(),
	}
	census, err := v.Desk.Counts.Census(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	last, err := v.Desk.Counts.LastUsed(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	ready, err := v.ready("")
	if err != nil {
		return p, err
	}
	need := v.tenant.Settings.Checks.Need(false)
	if p.Few = ready.Short(need); need > 1 {
		p.Helped = ready.One
	}
	may := p.May()
	f := v.frame
	for _, r := range []MethodRow{
		{Kind: "passkey", Icon: "passkey", Phishing: "yes", Name: f.T("admin.methods.passkey"), About: f.T("admin.methods.passkey.about"), Why: f.T("admin.methods.passkey.why")},
		{Kind: "app", Icon: "device", Phishing: "partly", Name: f.T("admin.methods.app"), About: f.T("admin.methods.app.about")},
		{Kind: "mail", Icon: "mail", Phishing: "partly", Name: f.T("admin.methods.mail"), About: f.T("admin.methods.mail.about")},
		{Kind: "text", Icon: "text", Phishing: "partly", Name: f.T("admin.methods.text"), About: f.T("admin.methods.text.about"), Why: f.T("admin.methods.text.why")},
		{Kind: "questions", Icon: "question", Phishing: "no", Name: f.T("admin.methods.questions"), About: f.T("admin.methods.questions.about")},
	} {
		works := v.works(r.Kind)
		r.On = works && rules.Allows(r.Kind, false)
		r.Editable = may && works
		if works {
			r.Why = ""
		}
		r.Registered, r.Last = census.With[verify.Kind(r.Kind)], last[r.Kind]
		p.Rows = append(p.Rows, r)
	}
	return p, nil
}

func (v *visit) getMethods() error {
	p, err := v.methods(v.tenant.Settings.Checks)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// errNoMethods reports a form that turns every method off: empty would mean the default ones.
var errNoMethods = errors.New("no method is left")

// setChecks takes over what the form says. A method that the server can't carry out keeps what was stored.
func (v *visit) setChecks(c *tenant.Checks) error {
	stored := *c
	c.Methods = nil
	for _, m := range tenant.AllMethods() {
		on := v.yes(m)
		if !v.works(m) {
			on = stored.Allows(m, false)
		}
		if on {
			c.Methods = append(c.Methods, m)
		}
	}
	c.Required = v.number("required")
	c.RegisteredOnly, c.PassOff = !v.yes("directory"), !v.yes("pass")
	c.QuestionsSetUp, c.QuestionsAsked = v.number("set_up"), v.number("asked")
	if len(c.Methods) == 0 {
		return errNoMethods
	}
	return c.Check()
}

// number is a field's; what is none is -1, which nothing allows.
func (v *visit) number(field string) int {
	n, err := strconv.Atoi(v.typed(field))
	if err != nil {
		return -1
	}
	return n
}

func (v *visit) postMethods() error {
	if err := v.form(); err != nil {
		return err
	}
	shown := v.tenant.Settings.Checks
	err := v.save(setting.Methods, func(s *tenant.Settings) error {
		err := v.setChecks(&s.Checks)
		shown = s.Checks
		return err
	})
	if err == nil {
		return v.seeOther(methodsPath + "?saved=1")
	}
	problems := v.methodProblems(err)
	status, known := v.refused(err, "required", &problems)
	if !known {
		return err
	}
	if status == http.StatusConflict {
		shown = v.tenant.Settings.Checks
	}
	p, err := v.methods(shown)
	if err != nil {
		return err
	}
	p.Problems = problems
	return v.render(status, p)
}

func (v *visit) methodProblems(err error) Problems {
	f := v.frame
	switch {
	case errors.Is(err, errNoMethods), errors.Is(err, tenant.ErrTooFewMethods):
		return Problems{{"passkey", f.T("admin.methods.few")}}
	case errors.Is(err, tenant.ErrOnlyQuestions), errors.Is(err, tenant.ErrQuestionsAlone):
		return Problems{{"questions", f.T("admin.methods.questions.alone")}}
	case errors.Is(err, tenant.ErrQuestionNumbers):
		return Problems{{"asked", f.T("admin.methods.questions.numbers")}}
	case errors.Is(err, errMeanwhile):
		return nil
	}
	if v.number("required") < 1 || v.number("required") > 2 {
		return Problems{{"required", f.T("admin.methods.choose")}}
	}
	return nil
}
