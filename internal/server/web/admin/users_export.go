package admin

import (
	"fmt"
	"slices"
	"strconv"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
)

const usersFile = usersPath + ".csv"

func userExportRoutes() []route {
	return []route{{"GET " + usersFile, operator.ReadUsers, (*visit).getUsersFile}}
}

// CSV is the address of the people whom the page's filter lets through, all pages of them, as a file.
func (p UsersPage) CSV() string {
	if q := p.filter(); len(q) > 0 {
		return usersFile + "?" + q.Encode()
	}
	return usersFile
}

// getUsersFile sends a line for each person whom the operator may find and the filter lets through, as they are read. It is
// recorded before the first line is sent.
func (v *visit) getUsersFile() error {
	p, search, err := v.askedUsers()
	if err != nil {
		return err
	}
	if len(p.Unasked)+len(p.Partial) > 0 { // a file doesn't say what is missing in it; the page does
		return v.seeOther(usersPath + "?" + p.filter().Encode())
	}
	v.Record(v.ctx(), v.tenant.ID, audit.Record{
		Activity: "Download list of people", Hop: "operator", Result: "ok", Actor: v.by.Name,
		Detail: fmt.Sprintf("filter %q", p.filter().Encode()),
	})
	v.attach(export.CSV, "homeward-people")
	out := export.NewTable(v.w, "user_principal_name", "display_name", "source", "domain", "place", "account", "can_reset", "reason", "methods",
		"last_write", "last_write_result", "last_write_support")
	n := 0
	err = v.Helpdesk.Walk(v.ctx(), v.tenant, v.by, search, func(r helpdesk.Row) error {
		if n++; n%helpdesk.Part == 1 {
			v.patient()
		}
		one, why := r.Person, report.WhyOf(r.Standing)
		return out.Row(one.UPN, one.DisplayName, sourceCode(one), one.Domain, provision.Unit(one.DN), p.accountCode(one), yesNo(why == ""), string(why),
			strconv.Itoa(r.Methods), day(r.Last.At), r.Last.Result, r.Last.Support)
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return v.broken(err)
	}
	return nil
}

func sourceCode(p provision.Person) string {
	if p.Cloud() {
		return "cloud"
	}
	return "on_premises"
}

// accountCode is Frame.account as files name it; where people were looked for by how their accounts stand now, it is that.
func (p UsersPage) accountCode(one provision.Person) string {
	if slices.Contains(protocol.Standings(), protocol.Standing(p.Account)) {
		return p.Account
	}
	switch {
	case one.Missing:
		return "missing"
	case one.Held != "":
		return "held"
	case one.Disabled:
		return "disabled"
	}
	return "active"
}
