package storetest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/server/provision"
)

func reminderTests() []test {
	return []test{
		{"each threshold of an expiry is claimed once", func(t *testing.T, e *env) {
			claim := func(days int, expires time.Time) bool {
				return at[bool](t)(e.ClaimReminder(e.ctx, TenantA, "p1", days, expires, noon()))
			}
			expires := noon().Add(10 * 24 * time.Hour)
			var won atomic.Int32
			race(6, func(int) {
				if fresh, err := e.ClaimReminder(e.ctx, TenantA, "p1", 14, expires, noon()); err != nil {
					t.Error(err)
				} else if fresh {
					won.Add(1)
				}
			})
			if won.Load() != 1 {
				t.Errorf("%d claims of one reminder", won.Load())
			}
			if claim(14, expires.Add(time.Hour)) || claim(14, expires.Add(-48*time.Hour)) {
				t.Error("the same expiry, or an earlier one, begins anew")
			}
			if !claim(7, expires) || !claim(14, expires.Add(25*time.Hour)) {
				t.Error("another threshold, or a later expiry, isn't claimed")
			}
			if !at[bool](t)(e.ClaimReminder(e.ctx, TenantB, "p1", 14, expires, noon())) {
				t.Error("another tenant's claim counts")
			}
		}},
		{"people whose password may expire are paged through", func(t *testing.T, e *env) {
			one := func(id string, change func(p *provision.Person)) provision.Person {
				p := provision.Person{
					Tenant: TenantA, ID: id, Object: strings.Repeat(id[1:], 16), Anchor: strings.Repeat(id[1:], 16), Domain: "Corp.example", NetBIOS: "CORP",
					SAM: id, UPN: id + "@corp.example", Created: noon(), Updated: noon(),
				}
				change(&p)
				return p
			}
			as := func(*provision.Person) {}
			ok(t, e.InsertPeople(e.ctx, []provision.Person{
				one("p01", as), one("p02", as), one("p03", func(p *provision.Person) { p.Disabled = true }), one("p04", func(p *provision.Person) { p.Missing = true }),
				one("p05", func(p *provision.Person) { p.Domain = "other.example" }), one("p06", as),
				one("p07", func(p *provision.Person) { p.Object, p.Anchor, p.Domain, p.SAM = "", "", "", "" }),
			}))
			var got []string
			for after := ""; ; {
				page := at[[]provision.Person](t)(e.ExpiryPeople(e.ctx, TenantA, "corp.EXAMPLE", after, 2))
				if len(page) == 0 {
					break
				}
				for _, p := range page {
					got, after = append(got, p.ID), p.ID
				}
			}
			if want := []string{"p01", "p02", "p06"}; !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			if got := at[[]string](t)(e.ExpiryDomains(e.ctx, TenantA)); !slices.Equal(got, []string{"corp.example", "other.example"}) {
				t.Errorf("domains %v", got)
			}
		}},
		{"days of sweeps", func(t *testing.T, e *env) {
			if day := at[string](t)(e.Swept(e.ctx, TenantA, "corp.example")); day != "" {
				t.Errorf("swept on %q", day)
			}
			ok(t, e.SetSwept(e.ctx, TenantA, "corp.example", "2026-11-27"))
			ok(t, e.SetSwept(e.ctx, TenantA, "corp.example", "2026-11-28"))
			if day := at[string](t)(e.Swept(e.ctx, TenantA, "corp.example")); day != "2026-11-28" {
				t.Errorf("swept on %q", day)
			}
			if day := at[string](t)(e.Swept(e.ctx, TenantB, "corp.example")); day != "" {
				t.Errorf("another tenant's on %q", day)
			}
		}},
	}
}
