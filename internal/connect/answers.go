package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"homeward/internal/config"
)

// Task is what somebody wants to do on this server.
type Task string

// Tasks.
const (
	SetUp     Task = "set-up"
	View      Task = "view"
	Customize Task = "customize"
	Schema    Task = "refresh-schema"
	Staging   Task = "staging"
	Rotate    Task = "rotate-key"
	Repair    Task = "repair-rights"
	Remove    Task = "remove"
)

// Ways to connect to the cloud, and kinds of service accounts.
const (
	ByCode   = "code"
	ByDevice = "device"

	NewAccount      = "new"
	ExistingAccount = "existing"
	NewManaged      = "new-managed"
	ManagedAccount  = "managed" // a gMSA
)

// Answers are everything the wizard asks, but for passwords and one-time codes: those are typed, come on standard
// input, or stand in files that the answers name.
type Answers struct {
	Version int          `yaml:"version"`
	Task    Task         `yaml:"task"`
	Cloud   CloudAnswers `yaml:"cloud"`
	// Directories are the domains that this agent serves, of one forest or of several.
	Directories []DirectoryAnswers `yaml:"directories"`
	Start       bool               `yaml:"start"`
	// Accepted are the warnings somebody knows and goes on with, by name.
	Accepted []string `yaml:"accepted,omitempty"`
	// Configuration is the whole agent.yaml of the machine that exported this: test accounts, a proxy, and whatever
	// else isn't asked. A machine that has none begins with it. There are no secrets in it, only paths.
	Configuration string `yaml:"configuration,omitempty"`
}

// CloudAnswers are those of Connect to cloud.
type CloudAnswers struct {
	Portal   string `yaml:"portal"`
	CAFile   string `yaml:"ca_file,omitempty"`
	How      string `yaml:"how"`
	CodeFile string `yaml:"code_file,omitempty"`
	State    string `yaml:"state"`
}

// DirectoryAnswers are those of one domain: Connect directories, Domain/OU filtering and Optional features.
type DirectoryAnswers struct {
	Domain       string         `yaml:"domain"`
	Controllers  string         `yaml:"controllers,omitempty"` // names, with commas between; empty: found in DNS
	DNS          string         `yaml:"dns,omitempty"`
	Site         string         `yaml:"site,omitempty"`
	Security     string         `yaml:"security"`
	CAFile       string         `yaml:"ca_file,omitempty"`
	Account      string         `yaml:"account"` // new, existing, new-managed or managed
	Name         string         `yaml:"name,omitempty"`
	Container    string         `yaml:"container,omitempty"`
	User         string         `yaml:"user,omitempty"`
	Reader       string         `yaml:"password_reader,omitempty"` // who may read a gMSA's password; keytab or password are this one's
	Keytab       string         `yaml:"keytab,omitempty"`
	PasswordFile string         `yaml:"password_file,omitempty"` // where the agent finds it
	Admin        string         `yaml:"admin,omitempty"`
	AdminFile    string         `yaml:"admin_password_file,omitempty"`
	AdminTickets string         `yaml:"admin_tickets,omitempty"` // kinit's file, instead of name and password
	Units        []string       `yaml:"organizational_units,omitempty"`
	Features     FeatureAnswers `yaml:"features"`
	// Remove takes the domain out of this agent; the others stay.
	Remove bool `yaml:"remove,omitempty"`
}

// FeatureAnswers are those of Optional features.
type FeatureAnswers struct {
	Writeback  bool   `yaml:"password_writeback"`
	Unlock     bool   `yaml:"unlock"`
	Rules      bool   `yaml:"show_password_rules"`
	Phones     bool   `yaml:"phone_numbers"`
	Sync       bool   `yaml:"sync"`
	Staging    bool   `yaml:"staging"`
	PilotGroup string `yaml:"pilot_group,omitempty"`
	SignInName string `yaml:"sign_in_name,omitempty"`

	// What the wizard doesn't ask, and another machine that takes over has to do the same.
	Exclude      []string          `yaml:"exclude,omitempty"`
	SourceAnchor string            `yaml:"source_anchor,omitempty"`
	WriteAnchor  *bool             `yaml:"write_anchor,omitempty"`
	Attributes   map[string]string `yaml:"attributes,omitempty"`
	Suffixes     map[string]string `yaml:"suffixes,omitempty"`
}

// answersVersion is what is written. Version 1 knew one domain, and is read as well.
const answersVersion = 2

// maxDirectories bounds the domains of one agent.
const maxDirectories = 50

// Description marks a service account as made by the wizard.
const Description = "Service account of the Homeward agent. Made by Homeward Connect."

// Defaults are the answers before anybody was asked: about one domain.
func Defaults(configFile string) Answers {
	a := Answers{
		Version: answersVersion, Task: SetUp,
		Cloud: CloudAnswers{How: ByCode, State: config.AgentState()}, Directories: []DirectoryAnswers{newDirectory()},
		Start: true,
	}
	a.nameFiles(configFile)
	return a
}

// newDirectory are the answers about a domain before anybody was asked.
func newDirectory() DirectoryAnswers {
	return DirectoryAnswers{
		Security: "ldaps", Account: NewAccount, Name: "svc-homeward",
		Features: FeatureAnswers{Writeback: true, Unlock: true, Rules: true, Sync: true},
	}
}

// nameFiles says where each service account's password is kept where the answers don't. Each domain has its own file.
func (a *Answers) nameFiles(configFile string) {
	for i := range a.Directories {
		d := &a.Directories[i]
		switch {
		case d.PasswordFile != "":
		case i == 0:
			d.PasswordFile = filepath.Join(filepath.Dir(configFile), "service-account.password")
		case d.Domain != "":
			d.PasswordFile = filepath.Join(filepath.Dir(configFile), "service-account-"+fileName(d.Domain)+".password")
		}
	}
}

// fileName is a domain's name with nothing in it that means something to a file system.
func fileName(domain string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(domain))
}

// maxAnswers bounds the file.
const maxAnswers = 1 << 20

// ReadAnswers reads a file of answers strictly. What it doesn't say keeps its default.
func ReadAnswers(path, configFile string) (Answers, error) {
	f, err := os.Open(path)
	if err != nil {
		return Answers{}, fmt.Errorf("answers: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxAnswers+1))
	if err != nil {
		return Answers{}, fmt.Errorf("answers %s: %w", path, err)
	}
	a, err := ParseAnswers(b, configFile)
	if err != nil {
		return a, fmt.Errorf("answers %s: %w", path, err)
	}
	return a, nil
}

// ParseAnswers reads answers strictly.
func ParseAnswers(b []byte, configFile string) (Answers, error) {
	a := Defaults(configFile)
	if len(b) > maxAnswers {
		return a, fmt.Errorf("more than %d bytes", maxAnswers)
	}
	var version struct {
		Version int `yaml:"version"`
	}
	if err := yaml.Unmarshal(b, &version); err != nil {
		return a, fmt.Errorf("not answers as --answers writes them: %w", err)
	}
	var err error
	switch version.Version {
	case answersVersion:
		err = strictly(b, &a)
	case 1:
		a, err = former(b, a)
	default:
		return a, fmt.Errorf("version is %d: this build reads versions 1 and %d", version.Version, answersVersion)
	}
	if err != nil {
		return a, fmt.Errorf("not answers as --answers writes them: %w", err)
	}
	a.nameFiles(configFile)
	return a, a.check()
}

func strictly(b []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	err := d.Decode(into)
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	var words []string
	for _, text := range wrong.Errors {
		if name, _, found := strings.Cut(text, " not found in type "); found {
			text = strings.Replace(name, ": field ", ": unknown key ", 1)
		}
		words = append(words, text)
	}
	return errors.New(strings.Join(words, "; "))
}

// UnmarshalYAML gives what isn't said its default, and is as strict as the rest of the file.
func (d *DirectoryAnswers) UnmarshalYAML(n *yaml.Node) error {
	b, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	type bare DirectoryAnswers // without this method
	one := bare(newDirectory())
	if err := strictly(b, &one); err != nil {
		_, what, counted := strings.Cut(err.Error(), ": ") // its lines are counted from here
		if !counted {
			what = err.Error()
		}
		return fmt.Errorf("the directory at line %d: %s", n.Line, what)
	}
	*d = DirectoryAnswers(one)
	return nil
}

// former reads version 1, which knew one domain.
func former(b []byte, a Answers) (Answers, error) {
	type bare DirectoryAnswers
	old := struct {
		Version       int            `yaml:"version"`
		Task          Task           `yaml:"task"`
		Cloud         CloudAnswers   `yaml:"cloud"`
		Directory     bare           `yaml:"directory"`
		Units         []string       `yaml:"organizational_units"`
		Features      FeatureAnswers `yaml:"features"`
		Start         bool           `yaml:"start"`
		Accepted      []string       `yaml:"accepted"`
		Configuration string         `yaml:"configuration"`
	}{Task: a.Task, Cloud: a.Cloud, Directory: bare(a.Directories[0]), Features: a.Directories[0].Features, Start: a.Start}
	if err := strictly(b, &old); err != nil {
		return a, err
	}
	one := DirectoryAnswers(old.Directory)
	one.Units, one.Features = old.Units, old.Features
	if one.Account == ManagedAccount && !strings.HasSuffix(bareName(one.User), "$") { // it meant any account with a keytab
		one.Account = ExistingAccount
	}
	a.Task, a.Cloud, a.Start, a.Accepted, a.Configuration = old.Task, old.Cloud, old.Start, old.Accepted, old.Configuration
	a.Directories = []DirectoryAnswers{one}
	return a, nil
}

// check refuses answers that no page could have given.
func (a Answers) check() error {
	if !slices.Contains([]Task{SetUp, View, Customize, Schema, Staging, Rotate, Repair, Remove}, a.Task) {
		return fmt.Errorf("task is %q: it must be one of set-up, view, customize, refresh-schema, staging, rotate-key, repair-rights, remove", a.Task)
	}
	if a.Cloud.How != ByCode && a.Cloud.How != ByDevice {
		return fmt.Errorf("cloud.how is %q: it must be code or device", a.Cloud.How)
	}
	if len(a.Directories) == 0 || len(a.Directories) > maxDirectories {
		return fmt.Errorf("directories has %d entries: 1 to %d domains are served by one agent", len(a.Directories), maxDirectories)
	}
	for i, d := range a.Directories {
		if !slices.Contains([]string{NewAccount, ExistingAccount, NewManaged, ManagedAccount}, d.Account) {
			return fmt.Errorf("directories[%d].account is %q: it must be new, existing, new-managed or managed", i, d.Account)
		}
	}
	return nil
}

// Bytes are the answers as a file holds them.
func (a Answers) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Answers of homeward connect. There are no secrets in it.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(a), e.Close()); err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	return b.Bytes(), nil
}

// absolute makes every path independent of where the wizard runs: a service runs elsewhere.
func (a *Answers) absolute() {
	paths := []*string{&a.Cloud.CAFile, &a.Cloud.State}
	for i := range a.Directories {
		d := &a.Directories[i]
		paths = append(paths, &d.CAFile, &d.Keytab, &d.PasswordFile) // not the tickets: they may begin with FILE:
	}
	for _, path := range paths {
		if full, err := filepath.Abs(*path); *path != "" && err == nil {
			*path = full
		}
	}
}

// urls are the controllers as the configuration names them.
func (d DirectoryAnswers) urls() []string {
	var out []string
	scheme := "ldaps://"
	if d.Security != "" && d.Security != "ldaps" {
		scheme = "ldap://"
	}
	for name := range strings.SplitSeq(d.Controllers, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !strings.Contains(name, "://") {
			name = scheme + name
		}
		out = append(out, name)
	}
	return out
}

// account is how the service account signs in.
func (d DirectoryAnswers) account() string {
	switch d.Account {
	case NewAccount:
		return d.Name + "@" + d.Domain
	case NewManaged:
		return d.Name + "$@" + d.Domain
	}
	return d.User
}

// managed reports whether it is a gMSA.
func (d DirectoryAnswers) managed() bool {
	return d.Account == NewManaged || d.Account == ManagedAccount
}

// made reports whether the wizard makes it.
func (d DirectoryAnswers) made() bool { return d.Account == NewAccount || d.Account == NewManaged }

// keyed reports whether a keytab signs in.
func (d DirectoryAnswers) keyed() bool { return d.Account != NewAccount && d.Keytab != "" }

// typed is whose password is typed and kept on this machine: nobody's where it is made here, or where there is a keytab.
func (d DirectoryAnswers) typed() string {
	switch {
	case d.keyed():
		return ""
	case d.Account == ExistingAccount:
		return d.User
	case d.managed():
		return d.Reader
	}
	return ""
}
