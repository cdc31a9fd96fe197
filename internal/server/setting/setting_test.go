package setting_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

func TestDifferenceNamesWhatChanged(t *testing.T) {
	t.Parallel()
	before := tenant.Settings{Alerts: tenant.Alerts{WebhookURL: "https://hooks.contoso.com/secret"}}
	after := before
	after.TellAdministrators, after.Alerts.WebhookURL, after.Expiry.Days = true, "https://hooks.contoso.com/other", []int{14, 7}
	got := setting.Difference(setting.Notifications(before), setting.Notifications(after))
	for _, want := range []string{"tell administrators: off → on; ", `alert webhook: "https://hooks.contoso.com (`, "days before a password expires: – → 14, 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in %q", want, got)
		}
	}
	if strings.Contains(got, "secret") || strings.Contains(got, "tell people") {
		t.Errorf("it tells too much: %q", got)
	}
	if got := setting.Difference(setting.Methods(before), setting.Methods(after)); got != "" {
		t.Errorf("nothing changed: %q", got)
	}
	long := []setting.Value{{Name: "first page's note", Text: strings.Repeat("a\n", 500)}}
	if got := setting.Difference([]setting.Value{{Name: "first page's note"}}, long); len(got) > 170 || strings.Contains(got, "\n") {
		t.Errorf("a long text: %q", got)
	}
}

func TestBrandIsChecked(t *testing.T) {
	t.Parallel()
	good := tenant.Tenant{Name: "Contoso", Settings: tenant.Settings{Brand: tenant.Brand{Accent: "#0B5F7D", Note: "a\nb"}, HelpdeskPhone: "112"}}
	if p := setting.CheckBrand(&good); len(p) > 0 || good.Settings.Brand.Accent != "#0b5f7d" {
		t.Errorf("%v %s", p, good.Settings.Brand.Accent)
	}
	bad := tenant.Tenant{Settings: tenant.Settings{
		Brand: tenant.Brand{Accent: "yellow", Lead: "a\nb", Note: "\x00", VPN: strings.Repeat("x", 201)}, HelpdeskPhone: "call", HelpdeskMail: "it",
		HelpURL: "help", SignInURL: "javascript:alert(1)",
	}}
	var fields []setting.Field
	for _, p := range setting.CheckBrand(&bad) {
		fields = append(fields, p.Field)
	}
	want := []setting.Field{
		setting.Name, setting.Accent, setting.Phone, setting.Mail, setting.Help, setting.SignIn, setting.Lead, setting.Note, setting.VPN,
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
	light := tenant.Tenant{Name: "Contoso", Settings: tenant.Settings{Brand: tenant.Brand{Accent: "#ffff00"}}}
	p := setting.CheckBrand(&light)
	if len(p) != 1 {
		t.Fatalf("%v", p)
	}
	if e, ok := errors.AsType[*setting.LightError](p[0].Err); !ok || e.Near.Readable() < 4.5 {
		t.Errorf("got %v", p[0].Err)
	}
}

func TestLogoIsNamed(t *testing.T) {
	t.Parallel()
	var x tenant.Tenant
	setting.PutLogo(&x, "old", nil)
	if x.Settings.Brand.Logo != "old" {
		t.Error("a picture that wasn't sent is gone")
	}
	setting.PutLogo(&x, "old", []byte("picture"))
	if x.Settings.Brand.Logo == "old" || x.Settings.Brand.Logo == "" {
		t.Errorf("the new one is called %q", x.Settings.Brand.Logo)
	}
	setting.PutLogo(&x, "old", []byte{})
	if x.Settings.Brand.Logo != "" {
		t.Error("it stays")
	}
}
