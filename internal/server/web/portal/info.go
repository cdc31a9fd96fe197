package portal

import (
	"html/template"
	"image/color"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
)

// Addresses of the security info.
const (
	infoPath    = "/security-info"
	infoAddPath = "/security-info/add"
	signOutPath = "/sign-out"
)

// Field names of the security info's forms.
const (
	FieldDestination = "destination"
	FieldReplaces    = "replaces"
)

// InfoItem is one way somebody has registered.
type InfoItem struct {
	ID        string
	Kind      string // a Method constant
	Masked    string
	Added     time.Time
	Directory bool // what the directory holds
}

// InfoRow is an InfoItem with its words.
type InfoRow struct {
	InfoItem
	Name, Detail, Action, ActionURL string
}

// Isolated reports whether the detail is an address or a number alone, which keeps its order in every language.
func (r InfoRow) Isolated() bool { return r.Masked != "" && !r.Directory }

// InfoPage lists how somebody can prove who they are: GET /security-info.
type InfoPage struct {
	Frame
	Items    []InfoItem
	Need     int // checks the organisation asks for
	Usable   int // methods that can pass one
	Reviewed time.Time
	Due      bool // a review is asked for
	CanAdd   bool
	Done     string // what was just done: added, changed, removed or reviewed
	Location *time.Location
}

// Template names the page's file.
func (InfoPage) Template() string { return "info" }

// Title is the page's one h1.
func (p InfoPage) Title() string { return p.T("info.title") }

// Wide puts the review beside the list.
func (InfoPage) Wide() bool { return true }

// Covered reports whether the person can get back in by themselves.
func (p InfoPage) Covered() bool { return p.Usable >= p.Need }

// Cover says whether the methods are enough.
func (p InfoPage) Cover() template.HTML {
	if p.Covered() {
		return p.Rich("info.covered", "N", p.Usable, "Need", p.Need)
	}
	return p.Rich("info.missing", "N", p.Need-p.Usable)
}

// Said is what was just done.
func (p InfoPage) Said() string {
	switch p.Done {
	case "added":
		return p.T("info.done.added")
	case "changed":
		return p.T("info.done.changed")
	case "removed":
		return p.T("info.done.removed")
	case "reviewed":
		return p.T("info.done.reviewed")
	}
	return ""
}

// LastReview says when everything was last confirmed.
func (p InfoPage) LastReview() string {
	switch {
	case p.Reviewed.IsZero() || p.Location == nil:
		return p.T("info.review.never")
	case p.Due:
		return p.T("info.review.due", "Day", p.Day(p.Reviewed, p.Location))
	}
	return p.T("info.review.last", "Day", p.Day(p.Reviewed, p.Location))
}

// Rows gives each method its words.
func (p InfoPage) Rows() []InfoRow {
	var rows []InfoRow
	for _, i := range p.Items {
		row := InfoRow{InfoItem: i, Name: infoName(p.Frame, i.Kind), Detail: i.Masked}
		if row.Detail == "" && p.Location != nil {
			row.Detail = p.T("info.added_on", "Day", p.Day(i.Added, p.Location))
		}
		switch {
		case i.Directory:
			row.Detail = p.T("info.directory", "Masked", i.Masked)
		case i.Kind == MethodMail || i.Kind == MethodText:
			row.Action, row.ActionURL = p.T("info.change"), infoPath+"/change/"+i.ID
		default:
			row.Action, row.ActionURL = p.T("info.remove"), infoPath+"/remove/"+i.ID
		}
		rows = append(rows, row)
	}
	return rows
}

// infoName is what the list calls a kind.
func infoName(f Frame, kind string) string {
	switch kind {
	case MethodApp:
		return f.T("method.app")
	case MethodText:
		return f.T("info.text")
	case MethodPasskey:
		return f.T("method.passkey")
	case MethodQuestions:
		return f.T("method.questions")
	}
	return f.T("info.mail")
}

// InfoAddPage offers what can be added: GET and POST /security-info/add.
type InfoAddPage struct {
	Frame
	Kinds []string
}

// Template names the page's file.
func (InfoAddPage) Template() string { return "info_add" }

// Title is the page's one h1.
func (p InfoAddPage) Title() string { return p.T("info.add") }

// Rows gives each kind its words.
func (p InfoAddPage) Rows() []MethodRow {
	var rows []MethodRow
	for _, k := range p.Kinds {
		row := MethodRow{Method: Method{Kind: k, Value: k}, Name: infoName(p.Frame, k)}
		switch k {
		case MethodApp:
			row.Detail = p.T("info.add.app")
		case MethodText:
			row.Detail = p.T("info.add.text")
		case MethodPasskey:
			row.Detail = p.T("method.passkey.detail")
		case MethodQuestions:
			row.Detail = p.T("info.add.questions")
		default:
			row.Detail = p.T("info.add.mail")
		}
		rows = append(rows, row)
	}
	return rows
}

// InfoAppPage shows an app its key: GET and POST /security-info/new/{id}.
type InfoAppPage struct {
	Frame
	Action string
	URL    string // of the key, as the QR code holds it
	Key    string // the same for typing
	Error  CodeError
	Wait   time.Duration
}

// Template names the page's file.
func (InfoAppPage) Template() string { return "info_app" }

// Title is the page's one h1.
func (p InfoAppPage) Title() string { return p.T("info.app.title") }

// Scripts copy the key.
func (InfoAppPage) Scripts() []string { return []string{"copy.js"} }

// Problem reports whether the last code was refused.
func (p InfoAppPage) Problem() bool { return p.Error != CodeNone }

// Problems is the one mistake a code can have.
func (p InfoAppPage) Problems() Problems {
	return CodePage{Frame: p.Frame, Method: Method{Kind: MethodApp}, Error: p.Error, Wait: p.Wait}.Problems()
}

// Grouped is the key in groups of four.
func (p InfoAppPage) Grouped() string {
	var groups []string
	for k := p.Key; k != ""; {
		n := min(4, len(k))
		groups, k = append(groups, k[:n]), k[n:]
	}
	return strings.Join(groups, " ")
}

// QR is the code as the path of a drawing, and the size of its square.
func (p InfoAppPage) QR() (q struct {
	Size int
	Path string
}, err error,
) {
	code, err := qr.Encode(p.URL, qr.M, qr.Auto)
	if err != nil {
		return q, err
	}
	const quiet = 4 // modules of white around it (ISO/IEC 18004)
	q.Size = code.Bounds().Dx() + 2*quiet
	var b strings.Builder
	for y := range code.Bounds().Dy() {
		for x := range code.Bounds().Dx() {
			if code.At(x, y) == color.Black {
				b.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	q.Path = b.String()
	return q, nil
}

// DestinationError says what is wrong with an address or a number.
type DestinationError string

// The mistakes of a destination.
const (
	DestinationShape DestinationError = "shape"
	DestinationTaken DestinationError = "taken"
)

// InfoDestinationPage asks for an address or a number: GET and POST /security-info/add/{kind} and /security-info/change/{id}.
type InfoDestinationPage struct {
	Frame
	Kind      string // MethodMail or MethodText
	Action    string
	Replaced  string // masked: what it replaces; empty adds
	RemoveURL string
	Typed     string
	Error     DestinationError
}

// Template names the page's file.
func (InfoDestinationPage) Template() string { return "info_destination" }

// Title is the page's one h1.
func (p InfoDestinationPage) Title() string {
	switch {
	case p.Kind == MethodText && p.Replaced != "":
		return p.T("info.text.change")
	case p.Kind == MethodText:
		return p.T("info.text.title")
	case p.Replaced != "":
		return p.T("info.mail.change")
	}
	return p.T("info.mail.title")
}

// Lead says what it is for.
func (p InfoDestinationPage) Lead() string {
	if p.Replaced != "" {
		return p.T("info.destination.change", "Masked", p.Replaced)
	}
	if p.Kind == MethodText {
		return p.T("info.text.lead")
	}
	return p.T("info.mail.lead")
}

// Label names the field.
func (p InfoDestinationPage) Label() string {
	if p.Kind == MethodText {
		return p.T("info.text.label")
	}
	return p.T("info.mail.label")
}

// Hint says in which form.
func (p InfoDestinationPage) Hint() string {
	if p.Kind == MethodText {
		return p.T("info.text.hint")
	}
	return p.T("info.mail.hint")
}

// Problem reports whether what was typed can't be used.
func (p InfoDestinationPage) Problem() bool { return p.Error != "" }

// Problems is the one mistake.
func (p InfoDestinationPage) Problems() Problems {
	var text string
	switch {
	case p.Error == "":
		return nil
	case p.Error == DestinationTaken:
		text = p.T("info.error.taken")
	case p.Kind == MethodText:
		text = p.T("info.text.error")
	default:
		text = p.T("info.mail.error")
	}
	return Problems{{FieldDestination, text}}
}

// InfoRemovePage asks once more: GET and POST /security-info/remove/{id}.
type InfoRemovePage struct {
	Frame
	Item   InfoItem
	Action string
}

// Template names the page's file.
func (InfoRemovePage) Template() string { return "info_remove" }

// Title is the page's one h1.
func (p InfoRemovePage) Title() string {
	return p.T("info.remove.title", "What", infoName(p.Frame, p.Item.Kind))
}
