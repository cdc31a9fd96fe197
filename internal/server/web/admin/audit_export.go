package admin

import (
	"fmt"
	"net/http"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/operator"
)

const (
	auditExportPath = auditPath + "/export"
	// exportPage is how many entries are read and sent at once.
	exportPage = 500
	// exportPatience is how long a browser may take for one such part.
	exportPatience = 30 * time.Second
	// mostNames bounds how many people's names are kept while a file is made.
	mostNames = 10_000
)

func auditExportRoutes() []route {
	return []route{{"GET " + auditExportPath, operator.ReadAudit, (*visit).getAuditExport}}
}

// CSV is the address of what the page shows, all pages of it, as a file.
func (p AuditPage) CSV() string { return p.file(export.CSV) }

// JSONL is the same as JSON Lines.
func (p AuditPage) JSONL() string { return p.file(export.JSONL) }

func (p AuditPage) file(f export.Format) string {
	q := p.filter()
	q.Set("format", string(f))
	return auditExportPath + "?" + q.Encode()
}

// getAuditExport sends every entry that the filter of the address lets through, newest first, as it reads them: nothing is
// kept whole, and what ends early in the browser ends here too.
func (v *visit) getAuditExport() error {
	format, err := export.ParseFormat(v.r.URL.Query().Get("format"))
	if err != nil {
		return errNoPage
	}
	page, q, err := v.asked()
	if err != nil {
		return err
	}
	names, err := v.namer()
	if err != nil {
		return err
	}
	v.Record(v.ctx(), v.tenant.ID, audit.Record{
		Activity: "Export audit log", Hop: "operator", Event: int(event.AuditExported), Result: "ok", Actor: v.by.Name,
		Detail: fmt.Sprintf("%s, filter %q", format, page.filter().Encode()),
	})
	v.attach(format, "homeward-audit")
	out := format.NewWriter(v.w)
	q.Limit = exportPage
	for {
		found, err := v.Records.SearchAudit(v.ctx(), v.tenant.ID, q)
		if err != nil {
			return v.broken(err)
		}
		v.patient()
		if len(names.people) > mostNames {
			clear(names.people)
		}
		for _, r := range found {
			if err := out.Write(export.Of(r, names.name)); err != nil {
				return v.broken(err)
			}
		}
		if len(found) < exportPage {
			break
		}
		q.Before = found[len(found)-1].Seq
	}
	if err := out.Flush(); err != nil {
		return v.broken(err)
	}
	return nil
}

// attach begins a file.
func (v *visit) attach(f export.Format, what string) {
	v.w.Header().Set("Content-Type", f.Type())
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+f.Name(what, v.Now())+`"`)
	v.w.Header().Set("Cache-Control", "no-store")
	v.patient()
}

// patient gives the browser time for the next part.
func (v *visit) patient() {
	// A connection without deadlines, as in tests, needs none.
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(exportPatience))
}

// broken ends a file in the middle in a way that the browser notices: half a file must not look whole.
func (v *visit) broken(err error) error {
	if v.ctx().Err() == nil {
		v.Log.Warn("file couldn't be sent whole", "route", v.r.Pattern, "error", err)
	}
	// What ends an answer can't be written any more, so the connection, or its stream, ends without it.
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Unix(1, 0))
	return nil
}
