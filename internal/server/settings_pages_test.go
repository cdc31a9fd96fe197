package server

import (
	"bytes"
	"image"
	"image/png"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"homeward/internal/server/audit"
	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// revisionOf reads the revision that a page's form carries.
func (b *adminBench) revisionOf(name, path string) string {
	b.t.Helper()
	w := b.ask(name, http.MethodGet, path, nil)
	m := regexp.MustCompile(`name="revision" value="([0-9a-f]+)"`).FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		b.t.Fatalf("%s: status %d, no revision", path, w.Code)
	}
	return m[1]
}

// save sends a page's form as a browser that has just loaded it.
func (b *adminBench) save(name, path string, fields map[string]string) *httptest.ResponseRecorder {
	b.t.Helper()
	f := url.Values{"revision": {b.revisionOf(name, path)}}
	for k, v := range fields {
		f.Set(k, v)
	}
	return b.ask(name, http.MethodPost, path, f)
}

func (b *adminBench) settings() tenant.Settings {
	b.t.Helper()
	one, err := b.tenants.tenant(b.t.Context(), "contoso")
	if err != nil {
		b.t.Fatal(err)
	}
	return one.Settings
}

// lastDetail is what the newest record of an activity says.
func (b *adminBench) lastDetail(activity string) string {
	b.t.Helper()
	found, err := b.store.SearchAudit(b.t.Context(), "contoso", audit.Query{Activity: activity, Limit: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(found) == 0 {
		return ""
	}
	return found[0].Detail
}

const policyChanges = "Self-service password reset policy changes"

// staff stores a group with one of two people in it.
func (b *adminBench) staff() (group string) {
	b.t.Helper()
	group = strings.Repeat("a1", 16)
	people := []provision.Person{
		{Tenant: "contoso", ID: "p1", Object: strings.Repeat("01", 16), Anchor: strings.Repeat("01", 16), Domain: "corp.contoso.test", NetBIOS: "CORP", UPN: "amara@contoso.test", SAM: "amara", Mail: "amara@mail.example", DisplayName: "Amara Okafor"},
		{Tenant: "contoso", ID: "p2", Object: strings.Repeat("02", 16), Anchor: strings.Repeat("02", 16), Domain: "corp.contoso.test", NetBIOS: "CORP", UPN: "sam@contoso.test", SAM: "sam", DisplayName: "Sam Berg"},
	}
	if err := b.store.InsertPeople(b.t.Context(), people); err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.PutGroups(b.t.Context(), []provision.Group{{Tenant: "contoso", Object: group, Domain: "corp.contoso.test", Name: "GG-SSPR-Users", SAM: "gg-sspr-users", DN: "CN=GG"}}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.PutMembers(b.t.Context(), "contoso", group, "", []string{people[0].Object}); err != nil {
		b.t.Fatal(err)
	}
	return group
}

func TestProperties(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.AuthenticationPolicyAdministrator)
	group := b.staff()
	const path = "/admin/password-reset/properties"
	w := b.ask("karin", http.MethodGet, path+"?find=sspr", nil)
	if !strings.Contains(w.Body.String(), "GG-SSPR-Users") || !strings.Contains(w.Body.String(), "1 person") || !strings.Contains(w.Body.String(), "?group="+group) {
		t.Errorf("the group isn't found: status %d", w.Code)
	}
	w = b.ask("karin", http.MethodGet, path+"?group="+group, nil)
	if !strings.Contains(w.Body.String(), `value="selected" checked`) || b.settings().ResetScope != tenant.ScopeAll {
		t.Error("looking at a choice has changed something, or isn't shown")
	}
	if w := b.save("karin", path, map[string]string{"scope": "selected", "group": strings.Repeat("ff", 16)}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a group nobody knows: status %d", w.Code)
	}
	if w := b.save("karin", path, map[string]string{"scope": "selected", "group": group}); w.Code != http.StatusSeeOther || b.settings().ResetGroup != group {
		t.Errorf("status %d, %+v", w.Code, b.settings())
	}
	if d := b.lastDetail(policyChanges); d != "self-service password reset for: all → selected; group: – → "+group {
		t.Errorf("recorded %q", d)
	}
	if w := b.ask("karin", http.MethodGet, path, nil); !strings.Contains(w.Body.String(), "1 person can reset today") {
		t.Error("the numbers aren't those of the group")
	}
	if w := b.save("karin", path, map[string]string{"scope": "none"}); w.Code != http.StatusSeeOther || b.settings().ResetScope != tenant.ScopeNone || b.settings().ResetGroup != "" {
		t.Errorf("none: status %d, %+v", w.Code, b.settings())
	}
	for _, bad := range []string{"", "everybody"} {
		if w := b.save("karin", path, map[string]string{"scope": bad}); w.Code != http.StatusUnprocessableEntity || b.settings().ResetScope != tenant.ScopeNone {
			t.Errorf("scope %q: status %d", bad, w.Code)
		}
	}
}

func TestMethodsPage(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	const path = "/admin/password-reset/methods"
	good := map[string]string{"required": "2", "passkey": "on", "app": "on", "questions": "on", "text": "on", "pass": "on", "set_up": "5", "asked": "4"}
	if w := b.save("karin", path, good); w.Code != http.StatusSeeOther {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	c := b.settings().Checks
	if c.Required != 2 || !c.RegisteredOnly || c.PassOff || c.SetUp() != 5 || c.Asked() != 4 || !slices.Equal(c.Methods, []string{"passkey", "app", "questions"}) {
		t.Errorf("checks are %+v; nothing sends text messages here, so that can't be turned on", c)
	}
	want := "checks required: 1 → 2; methods: passkey, app, mail → passkey, app, questions; directory's mail address: on → off; " +
		"security questions to set up: 3 → 5; security questions to answer: 3 → 4"
	if d := b.lastDetail(policyChanges); d != want {
		t.Errorf("recorded %q", d)
	}
	if w := b.ask("karin", http.MethodGet, path, nil); !strings.Contains(w.Body.String(), `id="text" name="text" value="on" aria-disabled="true" aria-describedby="text-why"`) {
		t.Error("the page doesn't say that text messages can't be turned on")
	}
	for name, change := range map[string]map[string]string{
		"questions alone": {"required": "1"}, "more asked than set up": {"set_up": "3"}, "no number": {"required": "x"},
		"none":                     {"passkey": "", "app": "", "questions": ""},
		"two checks of one method": {"app": "", "questions": ""},
	} {
		fields := maps.Clone(good)
		maps.Copy(fields, change)
		if w := b.save("karin", path, fields); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "There is a problem") {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
	if again := b.settings().Checks; again.Required != 2 || len(again.Methods) != 3 {
		t.Errorf("a refused form has changed %+v", again)
	}
}

func TestRegistrationAndNotificationPages(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin@contoso.test", operator.GlobalAdministrator)
	const karin, registration, notifications = "karin@contoso.test", "/admin/password-reset/registration", "/admin/password-reset/notifications"
	if w := b.save(karin, registration, map[string]string{"register": "on", "first": "on", "days": "180"}); w.Code != http.StatusSeeOther {
		t.Errorf("registration: status %d", w.Code)
	}
	if s := b.settings(); !s.RegisterRequired || !s.FirstProof || s.Checks.Reconfirm != 180 {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"731", "-1", "", "soon", "1e2"} {
		if w := b.save(karin, registration, map[string]string{"days": bad}); w.Code != http.StatusUnprocessableEntity || b.settings().Checks.Reconfirm != 180 {
			t.Errorf("%q days: status %d", bad, w.Code)
		}
	}
	form := map[string]string{
		"admins": "on", "texts": "on", "alerts": "it@contoso.test\r\nIT@contoso.test\r\nops@contoso.test", "webhook": "https://hooks.contoso.test/secret-token",
		"expiry": "1, 14;5 14", "from": "22:00", "until": "07:00",
	}
	if w := b.save(karin, notifications, form); w.Code != http.StatusSeeOther {
		t.Errorf("notifications: status %d %s", w.Code, w.Body)
	}
	s := b.settings()
	if !s.PeopleUntold || !s.PeopleTexted || !s.TellAdministrators || !slices.Equal(s.Alerts.Mail, []string{"it@contoso.test", "ops@contoso.test"}) || !slices.Equal(s.Expiry.Days, []int{14, 5, 1}) || s.Expiry.QuietUntil != "07:00" {
		t.Errorf("%+v", s)
	}
	if d := b.lastDetail(policyChanges); !strings.Contains(d, "tell people: on → off") || !strings.Contains(d, "tell people by text message: off → on") || !strings.Contains(d, "https://hooks.contoso.test (") || strings.Contains(d, "secret-token") {
		t.Errorf("recorded %q", d)
	}
	if w := b.ask(karin, http.MethodGet, notifications, nil); !strings.Contains(w.Body.String(), "Addresses known: 1.") {
		t.Error("the administrator's own address isn't counted")
	}
	for address, field := range map[string]string{"http://hooks.contoso.test/in": "webhook", "http://10.0.0.7/in": "plain"} {
		if w := b.save(karin, notifications, map[string]string{"webhook": address}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="`+field+`-error"`) {
			t.Errorf("%s: status %d", address, w.Code)
		}
	}
	if w := b.save(karin, notifications, map[string]string{"webhook": "http://10.0.0.7/in", "plain": "on"}); w.Code != http.StatusSeeOther || !b.settings().Alerts.PlainWebhook {
		t.Errorf("confirmed: status %d", w.Code)
	}
	for field, bad := range map[string]string{"alerts": "nobody", "webhook": "ftp://x", "expiry": "91", "from": "25:00"} {
		fields := maps.Clone(form)
		fields[field] = bad
		if w := b.save(karin, notifications, fields); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="`+field+`-error"`) {
			t.Errorf("%s %q: status %d", field, bad, w.Code)
		}
	}
}

// TestSecondAdministratorIsTold: of two who save the same page from the same state, one is told, and nothing is lost.
func TestSecondAdministratorIsTold(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	b.operator("contoso", "sam", operator.GlobalAdministrator)
	const path = "/admin/password-reset/registration"
	revision := b.revisionOf("karin", path)
	answers := make([]*httptest.ResponseRecorder, 2)
	var both sync.WaitGroup
	for i, name := range []string{"karin", "sam"} {
		both.Go(func() {
			answers[i] = b.ask(name, http.MethodPost, path, url.Values{"revision": {revision}, "days": {[]string{"90", "365"}[i]}})
		})
	}
	both.Wait()
	first, second := 0, 1
	if answers[0].Code == http.StatusConflict {
		first, second = 1, 0
	}
	kept := []string{"90", "365"}[first]
	if answers[first].Code != http.StatusSeeOther || answers[second].Code != http.StatusConflict {
		t.Fatalf("status %d and %d", answers[0].Code, answers[1].Code)
	}
	body := answers[second].Body.String()
	if !strings.Contains(body, "Somebody else changed this meanwhile") || !strings.Contains(body, `name="days" inputmode="numeric" maxlength="4" value="`+kept+`"`) {
		t.Errorf("the second sees %s", body)
	}
	if w := b.save("sam", "/admin/password-reset/notifications", map[string]string{"people": "on"}); w.Code != http.StatusSeeOther {
		t.Errorf("another page is in the way: status %d", w.Code)
	}
}

// brandForm is the form of the customization page with a picture.
func (b *adminBench) brandForm(name string, fields map[string]string, logo []byte) *httptest.ResponseRecorder {
	b.t.Helper()
	const path = "/admin/password-reset/customization"
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	all := map[string]string{"revision": b.revisionOf(name, path), "name": "Contoso"}
	maps.Copy(all, fields)
	for k, v := range all {
		if err := m.WriteField(k, v); err != nil {
			b.t.Fatal(err)
		}
	}
	if logo != nil {
		part, err := m.CreateFormFile("logo", "logo.png")
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := part.Write(logo); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		b.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "https://password.contoso.test"+path, &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: "__Host-homeward-admin", Value: b.cookies[name]})
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// TestPortalLooksAsChosen: the pages for people show what was chosen, at once, and nothing that was typed becomes markup.
func TestPortalLooksAsChosen(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 300, 100))); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{
		"name": `Contoso "Süd" <b>`, "accent": "#7A1F5C", "phone": "+46 8 555 01 42", "mail": "help@contoso.test", "help": "https://help.contoso.test",
		"signin": "https://apps.contoso.test", "lead": "<script>alert(1)</script>", "note": "First line\r\nSecond <i>line</i>", "vpn": "Use Contoso VPN.",
	}
	if w := b.brandForm("karin", fields, logo.Bytes()); w.Code != http.StatusSeeOther {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	page := b.ask("", http.MethodGet, "/start", nil)
	body := page.Body.String()
	for _, want := range []string{
		"Contoso &#34;Süd&#34; &lt;b&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;", "<p>First line</p><p>Second &lt;i&gt;line&lt;/i&gt;</p>",
		`href="mailto:help@contoso.test"`, `<img class="logo-picture" src="/brand/logo.png?v=`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the first page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "style=") {
		t.Error("what was typed became markup, or a style stands in the page")
	}
	for _, c := range []struct{ pattern, kind, holds string }{
		{`href="(/brand\.css\?v=[0-9a-f]+)"`, "text/css; charset=utf-8", "--accent:#7a1f5c"}, {`src="(/brand/logo\.png\?v=[0-9a-f]+)"`, "image/png", "PNG"},
	} {
		m := regexp.MustCompile(c.pattern).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s in the page", c.pattern)
		}
		w := b.ask("", http.MethodGet, m[1], nil)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != c.kind || !strings.Contains(w.Body.String(), c.holds) ||
			!strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: status %d, %v", m[1], w.Code, w.Header())
		}
		plain, _, _ := strings.Cut(m[1], "?")
		if w := b.ask("", http.MethodGet, plain, nil); w.Header().Get("Cache-Control") != "no-cache" || w.Header().Get("Etag") == "" {
			t.Errorf("%s without a version: %v", plain, w.Header())
		}
	}
	if !strings.Contains(b.lastDetail(policyChanges), "accent colour: – → #7a1f5c") {
		t.Errorf("recorded %q", b.lastDetail(policyChanges))
	}
	fields["no_logo"] = "on"
	if w := b.brandForm("karin", fields, nil); w.Code != http.StatusSeeOther || b.settings().Brand.Logo != "" {
		t.Errorf("status %d, logo %q", w.Code, b.settings().Brand.Logo)
	}
	if w := b.ask("", http.MethodGet, "/brand/logo.png", nil); w.Code != http.StatusNotFound {
		t.Errorf("a logo that was removed: status %d", w.Code)
	}
}

func TestCustomizationRefuses(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	for _, c := range []struct {
		field, value, says string
		logo               []byte
	}{
		{"accent", "#ffd36b", "Text needs at least 4.5 : 1", nil},
		{"accent", "red", "six hexadecimal digits", nil},
		{"name", "", "Enter a name", nil},
		{"name", strings.Repeat("x", 61), "Enter a name", nil},
		{"name", "a\x00b", "Enter a name", nil},
		{"phone", "call me", "telephone number", nil},
		{"mail", "help", "mail address", nil},
		{"help", "javascript:alert(1)", "whole address", nil},
		{"signin", "https://a@b.test", "whole address", nil},
		{"lead", strings.Repeat("x", 201), "up to 200", nil},
		{"note", strings.Repeat("x", 401), "up to 400", nil},
		{"vpn", "a\nb", "up to 200", nil},
		{"logo", "", "PNG or JPEG", []byte("<svg/>")},
		{"logo", "", "too large", make([]byte, 300<<10)},
	} {
		w := b.brandForm("karin", map[string]string{c.field: c.value}, c.logo)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %.20q: status %d, doesn't say %q", c.field, c.value, w.Code, c.says)
		}
	}
	if s := b.settings(); s.Brand != (tenant.Brand{}) {
		t.Errorf("a refused form has changed %+v", s.Brand)
	}
}

// TestLicences: nothing mentions them until they are needed; then what is missing stops writeback and says so.
func TestLicencesPage(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	group := b.staff()
	for _, rule := range admin.Rules() {
		method, path := address(rule.Pattern)
		if method != http.MethodGet || path == "/admin/licences" || strings.Contains(path, "sign-in") {
			continue
		}
		if w := b.ask("karin", method, path, nil); strings.Contains(strings.ToLower(w.Body.String()), "licen") {
			t.Errorf("%s mentions licences where none are needed", path)
		}
	}
	if w := b.save("karin", "/admin/licences", nil); w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
		t.Errorf("there is no such form: status %d", w.Code)
	}
	post := func(what string, f url.Values) *httptest.ResponseRecorder {
		t.Helper()
		return b.ask("karin", http.MethodPost, "/admin/licences/"+what, f)
	}
	if w := post("needed", url.Values{"needed": {"yes"}, "each": {"on"}, "revision": {"0"}}); w.Code != http.StatusConflict {
		t.Errorf("from an old page: status %d", w.Code)
	}
	if w := post("needed", url.Values{"needed": {"yes"}, "each": {"on"}, "revision": {b.revisionOf("karin", "/admin/licences")}}); w.Code != http.StatusSeeOther {
		t.Fatalf("status %d", w.Code)
	}
	if w := b.ask("karin", http.MethodGet, "/admin/password-reset/onprem", nil); !strings.Contains(w.Body.String(), `data-reason="licence"`) {
		t.Error("on-premises integration doesn't say that a licence is missing")
	}
	for _, part := range []string{"ENTERPRISEPACK", "SPE_E3"} {
		if w := post("products", url.Values{"do": {"add"}, "part": {part}}); w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", part, w.Code)
		}
	}
	if w := post("products", url.Values{"do": {"seats"}, "part": {"SPE_E3"}, "seats": {"1"}}); w.Code != http.StatusSeeOther || b.settings().LicenceSeats["SPE_E3"] != 1 {
		t.Errorf("seats: status %d, %v", w.Code, b.settings().LicenceSeats)
	}
	page := b.ask("karin", http.MethodGet, "/admin/licences?find=premium", nil).Body.String()
	for _, want := range []string{"Office 365 E3", "Looks alike, but isn’t", "Its part number says Premium, but it is Business Standard", "Password writeback is included."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w := b.ask("karin", http.MethodGet, "/admin/password-reset/onprem", nil); strings.Contains(w.Body.String(), `data-reason="licence"`) {
		t.Error("the reason stays after the licence was added")
	}
	one, err := b.tenants.tenant(t.Context(), "contoso")
	if err != nil {
		t.Fatal(err)
	}
	covered := func(id, object string, want bool) {
		t.Helper()
		got, err := b.mayWrite(t.Context(), one, provision.Person{ID: id, Object: object})
		if err != nil || got != want {
			t.Errorf("%s is covered: %v, %v", id, got, err)
		}
	}
	covered("p1", strings.Repeat("01", 16), false)
	for holder, f := range map[string]url.Values{
		"group": {"part": {"SPE_E3"}, "kind": {"group"}, "holder": {"gg-sspr-USERS"}}, "person": {"part": {"SPE_E3"}, "kind": {"person"}, "holder": {`CORP\sam`}},
	} {
		if w := post("holders", f); w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", holder, w.Code)
		}
	}
	covered("p1", strings.Repeat("01", 16), true)
	covered("p2", strings.Repeat("02", 16), true)
	if w := b.ask("karin", http.MethodGet, "/admin/licences", nil); !strings.Contains(w.Body.String(), "More people than seats") || !strings.Contains(w.Body.String(), "Sam Berg") {
		t.Error("two people of one seat aren't shown")
	}
	if w := post("holders", url.Values{"do": {"remove"}, "part": {"SPE_E3"}, "kind": {"group"}, "subject": {group}}); w.Code != http.StatusSeeOther {
		t.Errorf("take back: status %d", w.Code)
	}
	covered("p1", strings.Repeat("01", 16), false)
	for _, f := range []url.Values{
		{"part": {"SPB"}, "kind": {"person"}, "holder": {"sam"}}, {"part": {"SPE_E3"}, "kind": {"person"}, "holder": {"nobody"}}, {"part": {"SPE_E3"}, "kind": {"robot"}, "holder": {"sam"}},
	} {
		if w := post("holders", f); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: status %d", f, w.Code)
		}
	}
	if v := licence.Judge(b.settings()); !v.Allowed {
		t.Errorf("%+v", v)
	}
}

// TestOperatorsPage: invite, role, sessions, disable; a link is shown once; the last Global Administrator stays.
func TestOperatorsPage(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	b.operator("contoso", "sam", operator.ReportsReader)
	id := func(name string) string {
		t.Helper()
		o, err := b.operators.ByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return o.ID
	}
	post := func(name, path string, f url.Values) *httptest.ResponseRecorder {
		t.Helper()
		return b.ask(name, http.MethodPost, "/admin/operators/"+path, f)
	}
	w := post("karin", "invite", url.Values{"name": {"nadia"}, "role": {"Helpdesk Administrator"}})
	link := regexp.MustCompile(`https://password\.contoso\.test(/admin/set-up/[A-Za-z0-9_-]{43})`).FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || link == nil {
		t.Fatalf("status %d, no link", w.Code)
	}
	if w := b.ask("", http.MethodGet, link[1], nil); w.Code != http.StatusOK {
		t.Errorf("the link: status %d", w.Code)
	}
	if w := b.ask("karin", http.MethodGet, "/admin/operators", nil); strings.Contains(w.Body.String(), "/admin/set-up/") || !strings.Contains(w.Body.String(), "nadia") {
		t.Error("the link is shown again, or the list lacks whom it is for")
	}
	for name, f := range map[string]url.Values{"taken": {"name": {"NADIA"}, "role": {"Reports Reader"}}, "no name": {"name": {"two words"}, "role": {"Reports Reader"}}, "no role": {"name": {"x"}, "role": {"root"}}} {
		if w := post("karin", "invite", f); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "/admin/set-up/") {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
	role := func(by, whom, was, to string) int {
		t.Helper()
		return post(by, id(whom)+"/role", url.Values{"was": {was}, "role": {to}}).Code
	}
	if got := role("karin", "karin", "Global Administrator", "Reports Reader"); got != http.StatusUnprocessableEntity {
		t.Errorf("the last one loses the role: status %d", got)
	}
	if w := post("karin", id("karin")+"/disable", nil); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "last Global Administrator who can sign in") {
		t.Errorf("the last one is turned off: status %d", w.Code)
	}
	if w := post("karin", id("karin")+"/link", nil); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "/admin/set-up/") {
		t.Errorf("a link of one's own: status %d", w.Code)
	}
	if got := role("karin", "sam", "Helpdesk Administrator", "Global Administrator"); got != http.StatusUnprocessableEntity {
		t.Errorf("from an old page: status %d", got)
	}
	if got := role("karin", "sam", "Reports Reader", "Global Administrator"); got != http.StatusSeeOther {
		t.Errorf("status %d", got)
	}
	if got := role("sam", "karin", "Global Administrator", "User Administrator"); got != http.StatusSeeOther { // sam's session holds the new role
		t.Errorf("by the new one: status %d", got)
	}
	if w := b.ask("karin", http.MethodGet, "/admin/operators", nil); w.Code != http.StatusForbidden {
		t.Errorf("the old role still holds: status %d", w.Code)
	}
	if w := post("sam", id("karin")+"/end", nil); w.Code != http.StatusSeeOther {
		t.Errorf("status %d", w.Code)
	}
	if w := b.ask("karin", http.MethodGet, "/admin", nil); w.Code != http.StatusSeeOther {
		t.Errorf("an ended session shows status %d", w.Code)
	}
	if w := post("sam", id("nadia")+"/disable", nil); w.Code != http.StatusSeeOther {
		t.Errorf("status %d", w.Code)
	}
	if w := b.ask("", http.MethodGet, link[1], nil); w.Code != http.StatusGone {
		t.Errorf("the link of somebody who was turned off: status %d", w.Code)
	}
	if w := post("sam", id("nadia")+"/link", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "/admin/set-up/") {
		t.Errorf("a new link: status %d", w.Code)
	}
}
