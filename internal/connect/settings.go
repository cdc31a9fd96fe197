package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"homeward/internal/config"
)

// Settings returns agent.yaml with the answers put in. What the file says beside them, other domains and comments
// included, stays as it is; where there is none, what another machine exported takes its place.
func Settings(before []byte, a Answers) ([]byte, error) {
	if len(before) == 0 {
		before = []byte(a.Configuration)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(before, &doc); err != nil {
		return nil, fmt.Errorf("the configuration that is there: %w", err)
	}
	if doc.Kind == 0 {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}, HeadComment: "# Written by homeward connect."}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("the configuration that is there isn't a list of keys and values")
	}
	put(root, "server", text(a.Cloud.Portal))
	put(root, "ca_file", text(a.Cloud.CAFile))
	put(root, "state", text(a.Cloud.State))
	for _, d := range a.Directories {
		switch {
		case d.Remove:
			remove(root, d)
		case d.Domain != "":
			entryOf(root, d).put(d)
		}
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&doc), e.Close()); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// entry is one domain's part of the configuration.
type entry struct{ *yaml.Node }

// entryOf finds a domain's entry, or adds one.
func entryOf(root *yaml.Node, d DirectoryAnswers) entry {
	list := entries(root)
	if i := find(list, d); i >= 0 {
		return entry{list.Content[i]}
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	list.Content = append(list.Content, n)
	return entry{n}
}

// entries is the list of domains.
func entries(root *yaml.Node) *yaml.Node {
	list := get(root, "directories")
	if list == nil || list.Kind != yaml.SequenceNode {
		list = &yaml.Node{Kind: yaml.SequenceNode}
		put(root, "directories", list)
	}
	return list
}

// find is where a domain's entry stands; -1: nowhere. An entry that names no domain is known by its OUs, or by its
// controllers.
func find(list *yaml.Node, d DirectoryAnswers) int {
	for i, n := range list.Content {
		name, urls, units := get(n, "domain"), get(n, "urls"), get(n, "organizational_units")
		switch {
		case name != nil && name.Value != "":
			if strings.EqualFold(name.Value, d.Domain) {
				return i
			}
		case units != nil && len(units.Content) > 0:
			if strings.EqualFold(domainOfDN(units.Content[0].Value), d.Domain) {
				return i
			}
		case urls != nil && slices.ContainsFunc(urls.Content, func(u *yaml.Node) bool { return slices.Contains(d.urls(), u.Value) }):
			return i
		}
	}
	return -1
}

// remove takes a domain out.
func remove(root *yaml.Node, d DirectoryAnswers) {
	list := entries(root)
	if i := find(list, d); i >= 0 {
		list.Content = slices.Delete(list.Content, i, i+1)
	}
}

func (e entry) put(d DirectoryAnswers) {
	put(e.Node, "domain", text(d.Domain))
	put(e.Node, "urls", texts(d.urls()))
	put(e.Node, "site", text(d.Site))
	put(e.Node, "dns", text(d.DNS))
	put(e.Node, "security", text(strings.TrimPrefix(d.Security, "ldaps")))
	put(e.Node, "ca_file", text(d.CAFile))
	put(e.Node, "user", text(d.account()))
	put(e.Node, "password_reader", nil)
	if d.managed() {
		put(e.Node, "password_reader", text(d.Reader))
	}
	if d.keyed() {
		put(e.Node, "keytab", text(d.Keytab))
		put(e.Node, "password_file", nil)
	} else {
		put(e.Node, "password_file", text(d.PasswordFile))
		put(e.Node, "keytab", nil)
	}
	put(e.Node, "organizational_units", texts(d.Units))
	sync := within(e.Node, "sync")
	mode := text(d.mode())
	mode.Style = yaml.DoubleQuotedStyle // elsewhere than here, on means true
	put(sync, "mode", mode)
	put(sync, "pilot_group", text(d.Features.PilotGroup))
	put(sync, "sign_in_name", text(d.Features.SignInName))
	d.Features.putUnasked(sync)
	features := within(e.Node, "features")
	put(features, "writeback", boolean(d.Features.Writeback))
	put(features, "unlock", boolean(d.Features.Unlock))
	put(features, "rules", boolean(d.Features.Rules))
	put(features, "phones", boolean(d.Features.Phones))
}

// putUnasked sets what the wizard doesn't ask. What the answers don't say stays as it is.
func (f FeatureAnswers) putUnasked(sync *yaml.Node) {
	set := func(key string, value *yaml.Node) {
		if value != nil {
			put(sync, key, value)
		}
	}
	set("exclude", texts(f.Exclude))
	set("source_anchor", text(f.SourceAnchor))
	if f.WriteAnchor != nil {
		set("write_anchor", boolean(*f.WriteAnchor))
	}
	set("attributes", pairs(f.Attributes))
	set("suffixes", pairs(f.Suffixes))
}

func (d DirectoryAnswers) mode() string {
	switch {
	case !d.Features.Sync:
		return "off"
	case d.Features.Staging:
		return "staging"
	}
	return "on"
}

// get is the value of a key; nil when there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// put sets a key, or removes it when there is no value.
func put(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		if value == nil {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
		} else {
			n.Content[i+1] = value
		}
		return
	}
	if value != nil {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
}

func within(n *yaml.Node, key string) *yaml.Node {
	inner := get(n, key)
	if inner == nil || inner.Kind != yaml.MappingNode {
		inner = &yaml.Node{Kind: yaml.MappingNode}
		put(n, key, inner)
	}
	return inner
}

func text(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func texts(all []string) *yaml.Node {
	if len(all) == 0 {
		return nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range all {
		list.Content = append(list.Content, text(s))
	}
	return list
}

func pairs(all map[string]string) *yaml.Node {
	if len(all) == 0 {
		return nil
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		k, v := &yaml.Node{}, &yaml.Node{}
		k.SetString(key)
		v.SetString(all[key])
		m.Content = append(m.Content, k, v)
	}
	return m
}

func boolean(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(b)}
}

// existing reads the configuration that is there; nothing when there is none.
func existing(path string) ([]byte, config.Agent, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, config.Agent{}, nil
	}
	if err != nil {
		return nil, config.Agent{}, fmt.Errorf("configuration: %w", err)
	}
	c, err := config.LoadAgent(path, nil)
	return b, c, err
}

// adopt takes the answers from a configuration.
func adopt(a Answers, c config.Agent) Answers {
	a.Cloud.Portal, a.Cloud.CAFile, a.Cloud.State = c.Server, c.CAFile, c.State
	if len(c.Directories) == 0 {
		return a
	}
	a.Directories = nil
	for _, d := range c.Directories {
		a.Directories = append(a.Directories, answered(d))
	}
	return a
}

// answered is a domain's part of a configuration as answers.
func answered(d config.Directory) DirectoryAnswers {
	out := newDirectory()
	out.Units = d.Units
	out.Domain, out.Site, out.DNS, out.CAFile = domainOf(d), d.Site, d.DNS, d.CAFile
	if d.Security != "" {
		out.Security = d.Security
	}
	out.Controllers = strings.Join(d.URLs, ", ")
	out.Account, out.User, out.PasswordFile, out.Keytab, out.Reader = ExistingAccount, d.User, d.PasswordFile, d.Keytab, d.Reader
	if strings.HasSuffix(bareName(d.User), "$") {
		out.Account = ManagedAccount
	}
	out.Features = FeatureAnswers{
		Writeback: d.Features.Writes(), Unlock: d.Features.Unlocks(), Rules: d.Features.ShowsRules(), Phones: d.Features.Phones, Sync: d.Sync.On(), Staging: d.Sync.Mode == "staging",
		PilotGroup: d.Sync.PilotGroup, SignInName: d.Sync.SignInName, Exclude: d.Sync.Exclude, SourceAnchor: d.Sync.SourceAnchor,
		WriteAnchor: d.Sync.WriteAnchor, Attributes: d.Sync.Attributes, Suffixes: d.Sync.Suffixes,
	}
	return out
}

// domainOf is the domain an entry is about, by its OUs where it doesn't say so.
func domainOf(d config.Directory) string {
	if d.Domain != "" || len(d.Units) == 0 {
		return d.Domain
	}
	return domainOfDN(d.Units[0])
}

func domainOfDN(dn string) string {
	var labels []string
	for part := range strings.SplitSeq(dn, ",") {
		if name, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(part)), "DC="); ok {
			labels = append(labels, strings.ToLower(name))
		}
	}
	return strings.Join(labels, ".")
}

// directory is the configuration of the domain.
func (d DirectoryAnswers) directory() config.Directory {
	f := d.Features
	out := config.Directory{
		Domain: d.Domain, URLs: d.urls(), Site: d.Site, DNS: d.DNS, Security: d.Security, CAFile: d.CAFile, User: d.account(),
		PasswordFile: d.PasswordFile, Units: d.Units,
		Sync: config.Sync{
			Mode: d.mode(), PilotGroup: f.PilotGroup, SignInName: f.SignInName, Exclude: f.Exclude,
			SourceAnchor: f.SourceAnchor, WriteAnchor: f.WriteAnchor, Attributes: f.Attributes, Suffixes: f.Suffixes,
		},
		Features: config.Features{Writeback: &f.Writeback, Unlock: &f.Unlock},
	}
	if d.managed() {
		out.Reader = d.Reader
	}
	if d.keyed() {
		out.PasswordFile, out.Keytab = "", d.Keytab
	}
	return out
}

// agent is the configuration as far as the portal matters.
func (a Answers) agent() config.Agent {
	return config.Agent{Server: a.Cloud.Portal, CAFile: a.Cloud.CAFile, State: a.Cloud.State}
}

// replaceFile writes a file that only its owner can read, as a whole. What was there is kept beside it as .bak.
func replaceFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := makeFolder(dir, 0o750); err != nil {
		return fmt.Errorf("folder of %s: %w", path, err)
	}
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, b):
		return os.Chmod(path, 0o600)
	case err == nil:
		if err := writeWhole(path+".bak", old); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeWhole(path, b)
}

// makeFolder makes a folder that others can't look into, and leaves one that is there as it is.
func makeFolder(dir string, mode os.FileMode) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	return private(dir, true)
}

func writeWhole(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".connect-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := private(tmp.Name(), false); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), tmp.Close())
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
