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
	ManagedAccount  = "managed" // a gMSA, by keytab
)

// Answers are everything the wizard asks, but for passwords and one-time codes: those are typed, come on standard
// input, or stand in files that the answers name.
type Answers struct {
	Version   int              `yaml:"version"`
	Task      Task             `yaml:"task"`
	Cloud     CloudAnswers     `yaml:"cloud"`
	Directory DirectoryAnswers `yaml:"directory"`
	Units     []string         `yaml:"organizational_units"`
	Features  FeatureAnswers   `yaml:"features"`
	Start     bool             `yaml:"start"`
	// Accepted are the warnings somebody knows and goes on with, by name.
	Accepted []string `yaml:"accepted,omitempty"`
	// Configuration is the whole agent.yaml of the machine that exported this: other domains, test accounts, a proxy,
	// and whatever else isn't asked. A machine that has none begins with it. There are no secrets in it, only paths.
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

// DirectoryAnswers are those of Connect directories.
type DirectoryAnswers struct {
	Domain       string `yaml:"domain"`
	Controllers  string `yaml:"controllers,omitempty"` // names, with commas between; empty: found in DNS
	DNS          string `yaml:"dns,omitempty"`
	Site         string `yaml:"site,omitempty"`
	Security     string `yaml:"security"`
	CAFile       string `yaml:"ca_file,omitempty"`
	Account      string `yaml:"account"` // new, existing or managed
	Name         string `yaml:"name,omitempty"`
	Container    string `yaml:"container,omitempty"`
	User         string `yaml:"user,omitempty"`
	Keytab       string `yaml:"keytab,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty"` // where the agent finds it
	Admin        string `yaml:"admin,omitempty"`
	AdminFile    string `yaml:"admin_password_file,omitempty"`
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

const answersVersion = 1

// Description marks a service account as made by the wizard.
const Description = "Service account of the Homeward agent. Made by Homeward Connect."

// Defaults are the answers before anybody was asked.
func Defaults(configFile string) Answers {
	return Answers{
		Version: answersVersion, Task: SetUp,
		Cloud: CloudAnswers{How: ByCode, State: "/var/lib/homeward-agent"},
		Directory: DirectoryAnswers{
			Security: "ldaps", Account: NewAccount, Name: "svc-homeward", PasswordFile: filepath.Join(filepath.Dir(configFile), "service-account.password"),
		},
		Features: FeatureAnswers{Writeback: true, Unlock: true, Rules: true, Sync: true},
		Start:    true,
	}
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
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("not answers as --answers writes them: %w", err)
	}
	if a.Version != answersVersion {
		return a, fmt.Errorf("version is %d: this build reads version %d", a.Version, answersVersion)
	}
	if !slices.Contains([]Task{SetUp, View, Customize, Schema, Staging, Rotate, Repair, Remove}, a.Task) {
		return a, fmt.Errorf("task is %q: it must be one of set-up, view, customize, refresh-schema, staging, rotate-key, repair-rights, remove", a.Task)
	}
	if a.Cloud.How != ByCode && a.Cloud.How != ByDevice {
		return a, fmt.Errorf("cloud.how is %q: it must be code or device", a.Cloud.How)
	}
	if !slices.Contains([]string{NewAccount, ExistingAccount, ManagedAccount}, a.Directory.Account) {
		return a, fmt.Errorf("directory.account is %q: it must be new, existing or managed", a.Directory.Account)
	}
	return a, nil
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
	d := &a.Directory
	for _, path := range []*string{&a.Cloud.CAFile, &a.Cloud.State, &d.CAFile, &d.Keytab, &d.PasswordFile} {
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
	if d.Account == NewAccount {
		return d.Name + "@" + d.Domain
	}
	return d.User
}
