// Package bench measures the whole path from the portal to Active Directory against the raw LDAP modify, in
// one run on one DC: machines differ and are shared, ratios of one run mean something.
package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/reset"
)

const (
	people   = 80
	single   = 150 // operations of each kind at 1 in flight
	burst    = 320 // operations of each kind at 32 in flight
	inFlight = 32
)

// rig is a running stack and what both ways need.
type rig struct {
	*demo.Stack

	b      *testing.B
	pool   chan *ldap.Conn
	client *http.Client
	flow   *reset.Service
	dns    []string
	ids    []string
}

func BenchmarkPath(b *testing.B) {
	r := newRig(b)
	for b.Loop() {
		r.measure()
	}
}

// measure runs both ways in turns, so that a noisy moment hits both.
func (r *rig) measure() {
	raw, path := make([]time.Duration, 0, single), make([]time.Duration, 0, single)
	var phases [4][]time.Duration
	for i := range single {
		raw = append(raw, timed(func() { r.modify(r.dns[i%people]) }))
		v := r.visitor(i % people)
		path = append(path, timed(v.reset))
		for n, d := range v.phases {
			phases[n] = append(phases[n], d)
		}
	}
	slices.Sort(raw)
	slices.Sort(path)
	report := func(name string, d time.Duration) { r.b.ReportMetric(float64(d.Microseconds())/1000, name) }
	report("https-p50-ms", r.roundTrip())
	for n, name := range []string{"ticket", "seal", "submit", "outcome"} {
		slices.Sort(phases[n])
		report(name+"-p50-ms", phases[n][single/2])
	}
	report("raw-p50-ms", raw[single/2])
	report("raw-p99-ms", raw[single*99/100])
	report("path-p50-ms", path[single/2])
	report("path-p99-ms", path[single*99/100])
	report("added-p50-ms", path[single/2]-raw[single/2])
	report("added-p99-ms", path[single*99/100]-raw[single*99/100])
	var rawRate, pathRate float64
	server, agent := r.cpu(r.Server.PID()), r.cpu(r.Agent.PID())
	for range 2 { // two rounds in turns
		rawRate += r.rate(func(i int) { r.modify(r.dns[i%people]) }) / 2
		visitors := make([]*visitor, burst/2)
		for i := range visitors {
			visitors[i] = r.visitor(i % people)
		}
		pathRate += r.rate(func(i int) { visitors[i].reset() }) / 2
	}
	report("server-cpu-ms", (r.cpu(r.Server.PID())-server)/burst)
	report("agent-cpu-ms", (r.cpu(r.Agent.PID())-agent)/burst)
	r.b.ReportMetric(rawRate, "raw-per-s")
	r.b.ReportMetric(pathRate, "path-per-s")
	r.b.ReportMetric(pathRate/rawRate, "throughput-ratio")
	r.b.ReportMetric(0, "ns/op")
}

// roundTrip is what one empty HTTPS request costs here; the path has three.
func (r *rig) roundTrip() time.Duration {
	all := make([]time.Duration, 0, single)
	v := &visitor{r: r}
	for range single {
		all = append(all, timed(func() {
			resp, err := r.client.Do(v.request(http.MethodGet, "/static/nothing", nil))
			r.check(err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}))
	}
	slices.Sort(all)
	return all[single/2]
}

// cpu is the processor time a process has used (proc(5): fields 14 and 15, in hundredths of a second).
func (r *rig) cpu(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	r.check(err)
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		r.check(err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// rate runs burst/2 operations, inFlight at a time, and returns how many finished per second.
func (r *rig) rate(op func(i int)) float64 {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range inFlight {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < burst/2; i = int(next.Add(1)) - 1 {
				op(i)
			}
		})
	}
	wg.Wait()
	return float64(burst/2) / time.Since(start).Seconds()
}

func newRig(b *testing.B) *rig {
	b.Helper()
	r := &rig{b: b}
	binary := filepath.Join(b.TempDir(), "homeward")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "homeward/cmd/homeward").CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	stack, err := demo.Start(b.Context(), demo.Options{Homeward: binary, Dir: os.Getenv("HOMEWARD_BENCH_DIR"), Prepare: r.prepare})
	r.Stack = stack
	b.Cleanup(func() {
		if stack != nil {
			_ = stack.Close()
		}
	})
	r.check(err)
	r.connect()
	r.resolve()
	return r
}

func (r *rig) check(err error) {
	if err != nil {
		r.b.Helper()
		r.b.Fatal(err)
	}
}

// prepare adds people and lets them change as often as the benchmark wants.
func (r *rig) prepare(ctx context.Context, dc *lab.DC) error {
	conn, err := dc.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	admin := dc.Administrator()
	if err := conn.Bind(admin.DN, admin.Password); err != nil {
		return err
	}
	m := ldap.NewModifyRequest(dc.BaseDN(), nil)
	m.Replace("minPwdAge", []string{"0"})
	if err := conn.Modify(m); err != nil {
		return err
	}
	for i := range people {
		name := fmt.Sprintf("bench%03d", i)
		dn := "CN=" + name + "," + dc.OUs()[0]
		add := ldap.NewAddRequest(dn, nil)
		add.Attribute("objectClass", []string{"user"})
		add.Attribute("sAMAccountName", []string{name})
		add.Attribute("userPrincipalName", []string{name + "@contoso.com"})
		add.Attribute("mail", []string{name + "@mail.example"})
		add.Attribute("userAccountControl", []string{"512"})
		add.Attribute("unicodePwd", []string{quoted(lab.RandomPassword())})
		if err := conn.Add(add); err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
		r.dns = append(r.dns, dn)
	}
	return nil
}

// connect opens as many connections as the agent writes with, bound as its service account.
func (r *rig) connect() {
	r.pool = make(chan *ldap.Conn, 2)
	for range cap(r.pool) {
		conn, err := r.DC.Dial(r.b.Context())
		r.check(err)
		r.check(conn.Bind(r.DC.ServiceAccount().UPN, r.DC.ServiceAccount().Password))
		r.b.Cleanup(func() { _ = conn.Close() })
		r.pool <- conn
	}
	v, err := r.Client()
	r.check(err)
	r.client = v.HTTP
	r.client.Jar = nil
	key, err := masterkey.Load(r.Path("server/master.key"))
	r.check(err)
	decoys, err := key.Derive("decoys")
	r.check(err)
	r.flow = &reset.Service{Deps: reset.Deps{DecoyKey: decoys}}
}

// resolve looks up the imported people's ids, in the order of dns.
func (r *rig) resolve() {
	for i := range people {
		found, err := r.Store.FindPeople(r.b.Context(), demo.TenantID, fmt.Sprintf("bench%03d@contoso.com", i))
		r.check(err)
		if len(found) != 1 {
			r.b.Fatalf("person %d was not imported", i)
		}
		r.ids = append(r.ids, found[0].ID)
	}
}

// modify is the raw way: the same modify the agent sends.
func (r *rig) modify(dn string) {
	conn := <-r.pool
	defer func() { r.pool <- conn }()
	m := ldap.NewModifyRequest(dn, []ldap.Control{hints{}})
	m.Replace("unicodePwd", []string{quoted(lab.RandomPassword())})
	m.Replace("lockoutTime", []string{"0"})
	if err := conn.Modify(m); err != nil {
		r.b.Error(err)
	}
}

// hints is the policy-hints control, truly critical.
type hints struct{}

func (hints) GetControlType() string { return "1.2.840.113556.1.4.2239" }
func (hints) String() string         { return "policy hints" }
func (h hints) Encode() *ber.Packet {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, h.GetControlType(), ""))
	p.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "\x30\x03\x02\x01\x01", ""))
	return p
}

func quoted(s string) string {
	var b strings.Builder
	for _, c := range `"` + s + `"` {
		b.WriteByte(byte(c))
		b.WriteByte(0)
	}
	return b.String()
}

// visitor is somebody who has proven who they are and has a password typed in: what follows is the path.
type visitor struct {
	r      *rig
	id     string
	cookie string
	form   string
	phases [4]time.Duration // ticket, seal, submit, outcome
}

func (r *rig) visitor(person int) *visitor {
	token := rand.Text()
	session := sha256.Sum256([]byte(token))
	now := time.Now()
	a := reset.Attempt{
		Tenant: demo.TenantID, ID: rand.Text(), Support: "bench-" + rand.Text()[:12], Kind: protocol.Reset, Session: session[:], Person: r.ids[person],
		Shown: "bench", Locale: "en", State: reset.Verified, Created: now, VerifiedAt: now, Expires: now.Add(10 * time.Minute),
	}
	r.check(r.Store.CreateAttempt(r.b.Context(), a))
	return &visitor{r: r, id: a.ID, cookie: "__Host-homeward=" + token, form: r.flow.Flow(a)}
}

// reset is from pressing the button to knowing the outcome, over the public pages.
func (v *visitor) reset() {
	var t demo.Ticket
	last := time.Now()
	lap := func(i int) { v.phases[i] = time.Since(last); last = time.Now() }
	defer func() { lap(3) }()
	if err := json.Unmarshal(v.send(http.MethodPost, "/password/ticket", url.Values{"flow": {v.form}}), &t); err != nil || t.Request == "" {
		v.r.b.Errorf("no ticket: %v", err)
		return
	}
	lap(0)
	sealed, err := t.Seal([]byte(lab.RandomPassword()))
	if err != nil {
		v.r.b.Error(err)
		return
	}
	lap(1)
	v.send(http.MethodPost, "/password", url.Values{"flow": {v.form}, "request": {t.Request}, "sealed": {base64.StdEncoding.EncodeToString(sealed)}})
	lap(2)
	for {
		req := v.request(http.MethodGet, "/status/"+v.id+"?after=writing-directory", nil)
		resp, err := v.r.client.Do(req)
		if err != nil {
			v.r.b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if to := resp.Header.Get("HX-Redirect"); to != "" {
			if to != "/status/"+v.id {
				v.r.b.Errorf("sent to %s: the reset was refused", to)
			}
			return
		}
	}
}

func (v *visitor) request(method, path string, form url.Values) *http.Request {
	req, err := http.NewRequestWithContext(context.Background(), method, v.r.Portal()+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.r.b.Fatal(err)
	}
	req.Header.Set("Cookie", v.cookie)
	req.Header.Set("HX-Request", "true")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (v *visitor) send(method, path string, form url.Values) []byte {
	resp, err := v.r.client.Do(v.request(method, path, form))
	if err != nil {
		v.r.b.Error(err)
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.r.b.Errorf("%s: status %d, %v", path, resp.StatusCode, err)
	}
	return b
}
