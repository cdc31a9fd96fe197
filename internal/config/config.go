// Package config loads one YAML file and the environment into a typed configuration. It is strict: every
// unknown key, missing value and wrong value is reported, all at once, each with what to do. Secrets are
// never values: a key names the file that holds one.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"homeward/internal/daemon"
	"homeward/internal/spelling"
)

// checked is what a configuration must be able to do: fill in defaults and name everything wrong with it.
type checked[T any] interface {
	*T
	defaults()
	check() []string
	// former are keys of earlier versions, each with what to write instead.
	former() map[string]string
}

// LoadServer reads the server's configuration. environ is os.Environ's form.
func LoadServer(path string, environ []string) (Server, error) { return load[Server](path, environ) }

// LoadAgent reads an agent's configuration.
func LoadAgent(path string, environ []string) (Agent, error) { return load[Agent](path, environ) }

// LoadDirectory reads the directory part alone from a file, for the directory at url.
func LoadDirectory(url, path string) (Directory, error) {
	if path == "" {
		return Directory{}, errors.New("an existing directory needs a file that says how to use it: user, password_file, organizational_units")
	}
	d, err := load[directoryFile](path, nil)
	d.URLs = []string{url}
	if err != nil {
		return Directory{}, err
	}
	if problems := d.Directory.check(""); len(problems) > 0 {
		return Directory{}, fmt.Errorf("directory:\n  %s", strings.Join(problems, "\n  "))
	}
	return d.Directory, nil
}

// directoryFile is checked together with the URL, which stands elsewhere.
type directoryFile struct {
	Directory `koanf:",squash"`
}

func (*directoryFile) defaults()       {}
func (*directoryFile) check() []string { return nil }

func (*directoryFile) former() map[string]string { return nil }

func load[T any, P checked[T]](path string, environ []string) (T, error) {
	var out T
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return out, fmt.Errorf("configuration file %s does not exist: create it, or name another with --config", path)
		}
		return out, fmt.Errorf("configuration file %s: %w", path, err)
	}
	known := keys(reflect.TypeFor[T](), "")
	have, problems := former(k.Keys(), P(&out).former())
	problems = slices.Concat(problems, unknown(have, known), unknownInLists(k, reflect.TypeFor[T]()))
	for _, e := range overlay(environ, known) {
		if err := k.Set(e.key, e.value); err != nil {
			problems = append(problems, fmt.Sprintf("%s in the environment: %v", e.name, err))
		}
	}
	P(&out).defaults()
	if len(problems) == 0 {
		if err := k.Unmarshal("", &out); err != nil {
			return out, fmt.Errorf("configuration file %s:\n  %s", path, strings.Join(undecodable(err), "\n  "))
		}
		problems = P(&out).check()
	}
	if len(problems) > 0 {
		return out, fmt.Errorf("configuration file %s:\n  %s", path, strings.Join(problems, "\n  "))
	}
	return out, nil
}

// keys lists the dotted keys of a struct's koanf tags.
func keys(t reflect.Type, prefix string) []string {
	var out []string
	for f := range t.Fields() {
		name := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			if f.Anonymous {
				out = append(out, keys(f.Type, prefix)...)
				continue
			}
			out = append(out, keys(f.Type, name+".")...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// Key is one configuration key and what it means.
type Key struct{ Name, About string }

// ServerKeys lists every key of the server, for the reference.
func ServerKeys() []Key { return described(reflect.TypeFor[Server](), "") }

// AgentKeys lists every key of an agent.
func AgentKeys() []Key { return described(reflect.TypeFor[Agent](), "") }

func described(t reflect.Type, prefix string) []Key {
	var out []Key
	for f := range t.Fields() {
		name := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			out = append(out, described(f.Type, name+".")...)
			continue
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			out = append(out, described(f.Type.Elem(), name+"[].")...)
			continue
		}
		out = append(out, Key{name, f.Tag.Get("about")})
	}
	return out
}

// unknownInLists does for the entries of lists what unknown does for the rest: koanf sees a list as one value.
func unknownInLists(k *koanf.Koanf, t reflect.Type) []string {
	var problems []string
	for f := range t.Fields() {
		if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() != reflect.Struct {
			continue
		}
		name, known := f.Tag.Get("koanf"), keys(f.Type.Elem(), "")
		entries, ok := k.Get(name).([]any)
		if !ok && k.Exists(name) {
			problems = append(problems, fmt.Sprintf("%s must be a list: each entry begins with a hyphen", name))
		}
		for i, e := range entries {
			entry, ok := e.(map[string]any)
			if !ok {
				problems = append(problems, fmt.Sprintf("%s[%d] must hold keys: %s", name, i, strings.Join(known, ", ")))
				continue
			}
			for _, p := range unknown(entryKeys(entry, known, ""), known) {
				problems = append(problems, fmt.Sprintf("%s[%d]: %s", name, i, p))
			}
		}
	}
	return problems
}

// entryKeys lists the dotted keys of a list's entry, as deep as keys are known: what lies below is the key's value.
func entryKeys(entry map[string]any, known []string, prefix string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(entry)) {
		name := prefix + key
		inner, ok := entry[key].(map[string]any)
		if ok && slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, name+".") }) {
			out = append(out, entryKeys(inner, known, name+".")...)
			continue
		}
		if entry[key] != nil || slices.Contains(known, name) || !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, name+".") }) {
			out = append(out, name)
		}
	}
	return out
}

// undecodable says which values are of the wrong kind. The library quotes each key at the beginning of a line.
func undecodable(err error) []string {
	var problems []string
	for line := range strings.Lines(err.Error()) {
		key, what, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "'"), "' ")
		switch {
		case !ok:
		case strings.Contains(strings.ToLower(what), "duration"):
			problems = append(problems, fmt.Sprintf("%s must be a duration, such as 90m or 4320h", key))
		default:
			problems = append(problems, fmt.Sprintf("%s: %s", key, what))
		}
	}
	if problems == nil {
		return []string{err.Error()}
	}
	return problems
}

// former takes the keys of earlier versions out of have, and tells of each once what to write instead.
func former(have []string, instead map[string]string) (rest, problems []string) {
	told := map[string]bool{}
	for _, key := range have {
		top, _, _ := strings.Cut(key, ".")
		text, ok := instead[top]
		switch {
		case !ok:
			rest = append(rest, key)
		case !told[top]:
			told[top] = true
			problems = append(problems, text)
		}
	}
	return rest, problems
}

func unknown(have, known []string) []string {
	var problems []string
	for _, key := range have {
		if slices.Contains(known, key) {
			continue
		}
		problems = append(problems, fmt.Sprintf("unknown key %q; did you mean %q?", key, nearest(key, known)))
	}
	return problems
}

type override struct{ name, key, value string }

// overlay maps HOMEWARD_MAIL_HOST to mail.host. Variables that fit no key are left alone: other parts of
// Homeward read some of them.
func overlay(environ, known []string) []override {
	byName := map[string]string{}
	for _, key := range known {
		byName["HOMEWARD_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
	}
	var out []override
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if key, ok := byName[name]; ok {
			out = append(out, override{name, key, value})
		}
	}
	return out
}

func nearest(key string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return spelling.Distance(key, a) - spelling.Distance(key, b) })
}

// Secret reads the one line a secret file holds. The file must not be readable by others.
func Secret(path string) (daemon.Secret, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if tooOpen(st) {
		return "", fmt.Errorf("secret file %s can be read by others: run chmod 600 on it", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("secret file %s must hold exactly one line", path)
	}
	return daemon.Secret(s), nil
}
