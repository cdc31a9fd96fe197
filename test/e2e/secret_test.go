package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/pgtest"
)

// needle is one form of a text to look for.
type needle []byte

func (n needle) in(b []byte) bool { return bytes.Contains(b, n) }

// forms are the ways in which a secret could lie around: in UTF-8 and in Active Directory's UTF-16, plain, in
// hexadecimal, and in base64 at each of the three offsets it can have inside something longer.
func forms(secret string) map[string]needle {
	all := map[string]needle{}
	for encoding, b := range map[string][]byte{"UTF-8": []byte(secret), "UTF-16": utf16LE(secret)} {
		all[encoding] = b
		all[encoding+" hex"] = needle(hex.EncodeToString(b))
		all[encoding+" HEX"] = needle(strings.ToUpper(hex.EncodeToString(b)))
		for shift := range 3 {
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), b...))
			// The first and the last characters depend on the neighbours.
			all[fmt.Sprintf("%s base64 at %d", encoding, shift)] = needle(text[(shift*8+5)/6 : len(text)-1])
		}
	}
	return all
}

// hunt looks for every form in b and reports each it finds.
func hunt(t *testing.T, where string, b []byte, all map[string]needle) {
	t.Helper()
	for form, n := range all {
		if n.in(b) {
			t.Errorf("%s holds the password (%s)", where, form)
		}
	}
}

// memory calls look with every readable piece of a process's memory.
func memory(t *testing.T, pid int, look func(where string, b []byte)) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	must(t, err)
	defer mem.Close()
	pieces, total := 0, 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if !strings.HasPrefix(fields[1], "r") || strings.HasSuffix(lines.Text(), "[vvar]") || strings.Contains(lines.Text(), "[vsyscall]") {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		from, err := strconv.ParseUint(first, 16, 63)
		must(t, err)
		to, err := strconv.ParseUint(last, 16, 63)
		must(t, err)
		b := make([]byte, to-from)
		n, err := mem.ReadAt(b, int64(from))
		if n == 0 && err != nil {
			continue // reserved, never touched
		}
		pieces, total = pieces+1, total+n
		look("memory "+lines.Text(), b[:n])
	}
	t.Logf("looked through %d MB of memory in %d pieces", total>>20, pieces)
	if total < 1<<20 {
		t.Error("that is hardly a whole process")
	}
}

// files calls look with every file below a folder.
func files(t *testing.T, dir string, look func(where string, b []byte)) {
	t.Helper()
	count := 0
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		look(path, b)
		return nil
	}))
	t.Logf("looked through %d files", count)
	if count < 8 {
		t.Error("those are hardly all files")
	}
}

// The passwords of a whole reset, and of a change after it, are searched for wherever they must not be: the server's memory, the database,
// every file of the work folder, the mail, and everything that crossed the network.
func TestSecretIsNowhere(t *testing.T) {
	t.Parallel()
	secretHunt(t, own(t, demo.Options{}, nil), func(func(where string, b []byte)) {}) // SQLite is in the work folder
}

func TestSecretIsNowhereOnPostgreSQL(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Start(t)
	secretHunt(t, own(t, demo.Options{Database: dsn}, nil), func(look func(where string, b []byte)) { rows(t, dsn, look) })
}

// rows calls look with every row of every table, binary columns in hexadecimal.
func rows(t *testing.T, dsn string, look func(where string, b []byte)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer conn.Close(t.Context())
	tables, err := conn.Query(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	must(t, err)
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	must(t, err)
	count := 0
	for _, name := range names {
		all, err := conn.Query(t.Context(), `SELECT t::text FROM "`+name+`" t`)
		must(t, err)
		texts, err := pgx.CollectRows(all, pgx.RowTo[string])
		must(t, err)
		for _, text := range texts {
			count++
			look("table "+name, []byte(text))
		}
	}
	t.Logf("looked through %d rows of %d tables", count, len(names))
	if count < 30 {
		t.Error("those are hardly all rows")
	}
}

func secretHunt(t *testing.T, s *site, database func(look func(where string, b []byte))) {
	t.Helper()
	p := s.person(t, lab.KindOrdinary)
	refused, chosen := "Mark-Er7-short-"+p.SAM, "Mark-Er8-ÄÖ"+lab.RandomPassword()
	before := s.writes(t, p)
	traffic := record(t)
	v := s.visitor(t)
	if page := reset(t, v, p, refused); page.Path != "/password" {
		t.Fatalf("a password with the name in it leads to %q", page.Title())
	}
	shows(t, choose(t, v, chosen), "changed")
	s.changed(t, p, before, chosen)
	wrong, next := "Mark-Er9-wrong"+lab.RandomPassword(), "Mark-Er5-€"+lab.RandomPassword()
	if page := change(t, v, p, wrong, next); page.Path != "/password" {
		t.Fatalf("a wrong current password leads to %q", page.Title())
	}
	must(t, v.Choose(t.Context(), []byte(chosen), []byte(next)))
	page, err := v.Outcome(t.Context())
	must(t, err)
	shows(t, page, "changed")
	s.holds(t, p, next, chosen)
	flows := traffic.finish(t)

	for _, secret := range []string{refused, chosen, wrong, next} {
		all := forms(secret)
		memory(t, s.Server.PID(), func(where string, b []byte) { hunt(t, "the server's "+where, b, all) })
		files(t, filepath.Dir(s.Path("server.log")), func(where string, b []byte) { hunt(t, where, b, all) })
		database(func(where string, b []byte) { hunt(t, where, b, all) })
		for flow, b := range flows {
			hunt(t, "traffic "+flow, b, all)
		}
		for _, m := range s.Mailbox.Messages() {
			hunt(t, "a mail to "+m.To, []byte(m.Subject+"\n"+m.Text), all)
		}
	}
	s.scannersWork(t, p, flows)
}

// scannersWork is the control: each scanner finds what it must find, so that finding nothing means something.
func (s *site) scannersWork(t *testing.T, p lab.Person, flows map[string][]byte) {
	t.Helper()
	found := map[string]bool{}
	memory(t, s.Server.PID(), func(_ string, b []byte) {
		found["UPN in the server's memory"] = found["UPN in the server's memory"] || needle(p.UPN).in(b)
	})
	files(t, filepath.Dir(s.Path("server.log")), func(where string, b []byte) {
		if where == s.Path("server.log") {
			found["words of the log"] = needle("portal is open").in(b)
		}
	})
	for _, b := range flows {
		found["planted text in the traffic"] = found["planted text in the traffic"] || needle(plantedText).in(b)
		found["mail in the traffic"] = found["mail in the traffic"] || needle("code. It works until").in(b)
		found["relay inside the server"] = found["relay inside the server"] || needle("wb.to.").in(b)
	}
	for _, what := range []string{"UPN in the server's memory", "words of the log", "planted text in the traffic", "mail in the traffic", "relay inside the server"} {
		if !found[what] {
			t.Errorf("control: the scanner doesn't find %s", what)
		}
	}
	text := []byte(p.UPN)
	for shift := range 3 {
		b := base64.StdEncoding.EncodeToString(append(append(bytes.Repeat([]byte("x"), shift), text...), "tail"...))
		if n := forms(p.UPN)[fmt.Sprintf("UTF-8 base64 at %d", shift)]; !n.in([]byte(b)) {
			t.Errorf("control: base64 at offset %d isn't found", shift)
		}
	}
}
