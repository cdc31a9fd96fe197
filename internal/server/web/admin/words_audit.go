package admin

import (
	"strconv"

	"homeward/internal/event"
	"homeward/internal/server/operator"
)

// What the records of the audit log say, in the operator's language. The log itself is English, whoever wrote it: what is stored
// and exported is the same for everybody.

// event is what is known of an event: its name, which is the same in every language, what it means, and what to do.
func (f Frame) event(code int) (name, meaning, remedy string) {
	known, ok := event.Lookup(event.Code(code))
	if !ok {
		return "", "", ""
	}
	id := "event." + strconv.Itoa(code)
	if known.Remedy != "" {
		remedy = f.T(id + ".do")
	}
	return known.Name, f.T(id), remedy
}

// result is a result in the operator's language; one without words is its code.
func (f Frame) result(r string) string {
	if id := resultWord(r); id != "" {
		return f.T(id)
	}
	return f.T("admin.code", "Code", r)
}

// reason is a reason in the operator's language; one without words is its code.
func (f Frame) reason(r string) string {
	if r == "" {
		return ""
	}
	if id := reasonWord(r); id != "" {
		return f.T(id)
	}
	return f.T("admin.code", "Code", r)
}

// hop is one stop of the way; one without words is its code.
func (f Frame) hop(name string) string {
	if id := hopWord(name); id != "" {
		return f.T(id)
	}
	return f.T("admin.code", "Code", name)
}

// activity is what somebody did; one that isn't in the list is shown as it is stored.
func (f Frame) activity(name string) string {
	if id := activityWord(name); id != "" {
		return f.T(id)
	}
	return name
}

// RoleName is what a role is called.
func (f Frame) RoleName(role any) string {
	var name string
	switch role := role.(type) {
	case operator.Role:
		name = string(role)
	case string:
		name = role
	}
	if id := roleWord(operator.Role(name)); id != "" {
		return f.T(id)
	}
	return name
}
