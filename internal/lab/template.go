package lab

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed recipe/provision.py
var provisionScript string

// maxTemplateAge keeps the sample's dates true: an ordinary password is 40 days old when its template is made.
const maxTemplateAge = 7 * 24 * time.Hour

// copyTemplate copies a provisioned domain that has not run yet into dir, provisioning it first if the cache
// has none or an old one.
func (c *cache) copyTemplate(ctx context.Context, root string, opt Options, dir string) error {
	name, err := templateName(root, opt)
	if err != nil {
		return err
	}
	lock, err := c.template(ctx, name, "", func(temp string) error { return provision(ctx, root, temp, opt) })
	if err != nil {
		return err
	}
	defer lock.Close()
	return copyFolder(ctx, c.path(name), dir)
}

func copyFolder(ctx context.Context, from, to string) error {
	return runIsolated(ctx, nil, "cp", "-a", "--reflink=auto", from+"/.", to)
}

// template makes the template called name, unless the cache has one that is young enough, and returns a lock
// under which it can be copied: many may copy at once, but nobody may replace it meanwhile. The contents are
// described in its folder first.
func (c *cache) template(ctx context.Context, name, first string, with func(temp string) error) (*os.File, error) {
	if !c.usable(filepath.Join(name, first)) {
		if err := c.renewTemplate(ctx, name, first, with); err != nil {
			return nil, err
		}
	}
	return c.lock(ctx, name+".lock", lockShared)
}

// templateName changes with everything that goes into a domain except its passwords.
func templateName(root string, opt Options) (string, error) {
	req := newContents(opt.Domain, opt.Backend, opt.Sample).request()
	req.AdminPassword, req.Service.Password = "", ""
	for i := range req.People {
		req.People[i].Password = ""
	}
	b, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	return "domain-" + recipeHash(filepath.Base(root), enterScript, provisionScript, string(b)), nil
}

func (c *cache) usable(name string) bool {
	have, err := readContents(c.path(name))
	return err == nil && time.Since(have.Created) < maxTemplateAge
}

func (c *cache) renewTemplate(ctx context.Context, name, first string, with func(temp string) error) error {
	lock, err := c.lock(ctx, name+".lock", lockExclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	if c.usable(filepath.Join(name, first)) { // another process has made it meanwhile
		return nil
	}
	begin := time.Now()
	c.log.Info("making a template of the lab domain", "template", name)
	if err := c.build(name, with); err != nil {
		return err
	}
	c.log.Info("made a template of the lab domain", "template", name, "milliseconds", time.Since(begin).Milliseconds())
	return nil
}

// provision makes the domain in dir. The passwords go in through standard input: no argument list shows them.
func provision(ctx context.Context, root, dir string, opt Options) error {
	who := newContents(opt.Domain, opt.Backend, opt.Sample)
	req, err := json.Marshal(who.request())
	if err != nil {
		return err
	}
	script := filepath.Join(dir, "provision.py")
	if err := os.WriteFile(script, []byte(provisionScript), 0o600); err != nil {
		return err
	}
	err = runIsolated(ctx, strings.NewReader(string(req)), "sh", "-c", enterScript, "enter", root, dir,
		"python3", "/lab/provision.py")
	if err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	if err := who.readGUIDs(dir); err != nil {
		return err
	}
	return errors.Join(who.write(dir), os.Remove(script))
}

// readGUIDs completes the people with what only the directory could say.
func (c *contents) readGUIDs(dir string) error {
	file := filepath.Join(dir, "guids.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the people's GUIDs: %w", err)
	}
	var guids map[string]string
	if err := json.Unmarshal(b, &guids); err != nil {
		return fmt.Errorf("reading the people's GUIDs: %w", err)
	}
	for i, p := range c.People {
		if guids[p.SAM] == "" {
			return fmt.Errorf("reading the people's GUIDs: none for %s", p.SAM)
		}
		c.People[i].GUID = guids[p.SAM]
	}
	return os.Remove(file)
}
