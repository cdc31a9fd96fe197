package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"homeward/internal/lab"
)

// Ready is what --ready-file holds once everything answers. Tools drive the demo with it.
type Ready struct {
	Portal     string        `json:"portal_url"`
	Admin      string        `json:"admin_url"`
	Mailbox    string        `json:"mailbox_url"`
	PortalCA   string        `json:"portal_ca_file"`
	LDAPS      string        `json:"ldaps"`
	LDAPSCA    string        `json:"ldaps_ca_file"`
	BaseDN     string        `json:"base_dn"`
	Kerberos   string        `json:"kerberos,omitempty"`
	Realm      string        `json:"realm,omitempty"`
	People     []ReadyPerson `json:"people"`
	ServerPID  int           `json:"server_pid"`
	AgentPID   int           `json:"agent_pid"`
	WorkFolder string        `json:"work_folder"`
}

// ReadyPerson is one sample person. Passwords are the lab's own, made up for this run.
type ReadyPerson struct {
	UPN      string `json:"upn"`
	SAM      string `json:"sam"`
	Name     string `json:"name"`
	Mail     string `json:"mail"`
	Password string `json:"password"`
	Kind     string `json:"kind"`
}

// Ready describes the running stack.
func (s *Stack) Ready() Ready {
	r := Ready{
		Portal: s.portal + "/", Admin: s.portal + "/admin", Mailbox: s.Mailbox.URL(), PortalCA: s.cert.CAFile,
		ServerPID: s.Server.PID(), AgentPID: s.Agent.PID(), WorkFolder: s.dir,
	}
	if s.DC == nil {
		r.LDAPS, r.LDAPSCA, r.BaseDN = s.o.External.URLs[0], s.o.External.CAFile, s.o.External.BaseDN
		return r
	}
	r.LDAPS, r.LDAPSCA, r.BaseDN, r.Kerberos, r.Realm = s.DC.LDAPSURL(), s.DC.CAFile(), s.DC.BaseDN(), s.DC.KDC(), s.DC.Realm()
	for _, p := range s.DC.People() {
		r.People = append(r.People, ReadyPerson{UPN: p.UPN, SAM: p.SAM, Name: p.DisplayName, Mail: p.Mail, Password: p.Password, Kind: string(p.Kind)})
	}
	return r
}

// WriteReady writes the ready file, whole or not at all.
func (s *Stack) WriteReady(path string) error {
	b, err := json.MarshalIndent(s.Ready(), "", "  ")
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err := tmp.Write(append(b, '\n')); err != nil {
		_ = tmp.Close()
		return fmt.Errorf("ready file: %w", err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

// PersonOf returns a sample person of a kind.
func (s *Stack) PersonOf(kind lab.Kind) (lab.Person, error) {
	p, ok := s.DC.Person(kind)
	if !ok {
		return p, fmt.Errorf("the sample has no person who is %s", kind)
	}
	return p, nil
}

// SignsIn reports whether a password opens an LDAPS session on the DC.
func (s *Stack) SignsIn(ctx context.Context, upn, password string) bool {
	return s.DC.Bind(ctx, upn, password) == nil
}
