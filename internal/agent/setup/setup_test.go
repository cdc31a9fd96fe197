package setup

import (
	"os"
	"slices"
	"strings"
	"testing"

	"homeward/internal/config"
	"homeward/internal/connect"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

func access(dc *dctest.DC) connect.Access {
	as := dc.Administrator()
	return connect.Access{
		Directory: config.Directory{Domain: dc.Domain(), URLs: []string{dc.LDAPSURL()}, CAFile: dc.CAFile(), Units: dc.OUs(), Sync: config.Sync{Mode: "on"}},
		User:      as.UPN, Password: []byte(as.Password),
	}
}

// The wizard's questions to the directory, answered by a real controller.
func TestDirectoryAnswers(t *testing.T) {
	dc := dctest.Start(t)
	var d Directory
	a := access(dc)
	domain, err := d.Connect(t.Context(), a)
	if err != nil || domain.Name != dc.Domain() || domain.NetBIOS != "CONTOSO" || !slices.Contains(domain.Privileged, "Domain Admins") || len(domain.Controllers) != 1 || !domain.Controllers[0].OK {
		t.Errorf("%+v, %v", domain, err)
	}
	other := a
	other.Directory.Domain = "other.test"
	if _, err := d.Connect(t.Context(), other); err == nil || !strings.Contains(err.Error(), "are of the domain "+dc.Domain()) {
		t.Errorf("another domain: %v", err)
	}
	wrong := a
	wrong.Password = []byte("Not-The-Password-1")
	if _, err := d.Connect(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "password is wrong") || strings.Contains(err.Error(), "Not-The") {
		t.Errorf("a wrong password: %v", err)
	}
	if dn, err := d.GroupExists(t.Context(), a, "Domain Admins"); err != nil || dn != "CN=Domain Admins,CN=Users,"+dc.BaseDN() {
		t.Errorf("%s, %v", dn, err)
	}
	for _, name := range []string{"No such group", "CN=Nothing," + dc.BaseDN(), `OTHER\Domain Admins`, dc.Administrator().DN} {
		if dn, err := d.GroupExists(t.Context(), a, name); err == nil {
			t.Errorf("%s is the group %s", name, dn)
		}
	}
	census, err := d.Census(t.Context(), a, nil)
	if err != nil || len(census.Units) < len(dc.OUs())+1 {
		t.Errorf("%d units, %v", len(census.Units), err)
	}
	ahead, err := d.Needed(t.Context(), a, `CONTOSO\svc-not-yet`)
	if err != nil || ahead.Missing != len(ahead.List) || ahead.Missing != 4*len(dc.OUs())+4 || strings.Contains(connect.Script(`CONTOSO\svc-not-yet`, ahead), "samba-tool") {
		t.Errorf("%+v, %v", ahead, err)
	}
	there, err := d.Needed(t.Context(), a, dc.ServiceAccount().UPN)
	if err != nil || there.Missing >= ahead.Missing || strings.Contains(connect.Script("x", there), "Replicating Directory Changes") {
		t.Errorf("%d of %d missing, %v", there.Missing, len(there.List), err)
	}
}

// Both paths are quoted for sc.exe, and for the service control manager after it.
func TestServiceCommand(t *testing.T) {
	t.Parallel()
	got := serviceCommand(`C:\Program Files\Homeward\homeward.exe`, "agent ", `C:\ProgramData\Homeward\agent.yaml`)
	want := `binPath= "\"C:\Program Files\Homeward\homeward.exe\" agent run --config \"C:\ProgramData\Homeward\agent.yaml\""`
	if !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
}
