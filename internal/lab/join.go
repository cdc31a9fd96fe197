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

	"github.com/go-ldap/ldap/v3"
)

//go:embed recipe/join.py
var joinScript string

// maxJoined keeps host names the same length, dc1 to dc9: the DNS records of one are made from those of another.
const maxJoined = 8

// Join starts another writable DC of the same domain, on an address of its own. Its certificate is signed by the
// same authority, its changes reach the others within a second or two, and DNS lists it. It needs d to run
// meanwhile, and takes about five seconds. End it with Stop; d keeps believing that it exists.
func (d *DC) Join(ctx context.Context) (*DC, error) { return d.join(ctx, joining{}) }

// JoinBehind is Join with the new DC behind a cable. The DC it joins is behind one of the same network.
func (d *DC) JoinBehind(ctx context.Context, c *Cable) (*DC, error) {
	return d.join(ctx, joining{cable: c})
}

// JoinReadOnly starts a read-only DC (RODC) of the same domain, which refers every write to a writable one. It
// holds the service account's password and nobody else's: no other account can sign in there, the administrator
// included, because the lab runs no winbind, through which an RODC asks a writable DC.
func (d *DC) JoinReadOnly(ctx context.Context) (*DC, error) {
	return d.join(ctx, joining{readOnly: true})
}

// joining says how a DC joins.
type joining struct {
	readOnly bool
	cable    *Cable
	dir      string
}

func (d *DC) join(ctx context.Context, how joining) (*DC, error) {
	first := d
	if d.first != nil {
		first = d.first
	}
	first.mu.Lock()
	first.joined++
	n := first.joined
	first.mu.Unlock()
	if n > maxJoined {
		return nil, fmt.Errorf("joining a DC: %d have joined already", maxJoined)
	}
	j := &DC{root: d.root, log: d.log, issuer: d.issuer, first: first, filter: d.filter, readOnly: how.readOnly, cable: how.cable}
	if err := j.prepareJoined(ctx, hostName(n+1), how.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("joining a DC to %s: %w", first.Addr(), err), j.Stop())
	}
	return j, nil
}

func (d *DC) prepareJoined(ctx context.Context, host, dir string) error {
	cache, err := openCache(d.log)
	if err != nil {
		return err
	}
	if d.folder, err = cache.folder(ctx, dir); err != nil {
		return fmt.Errorf("folder for the DC: %w", err)
	}
	d.dir = d.folder.path
	if err := d.takeAddress(ctx, cache); err != nil {
		return err
	}
	who := *d.first.contents
	who.Created, who.Host, who.Address = time.Now(), host, d.Addr()
	d.contents = &who
	if err := d.configure(); err != nil {
		return err
	}
	if err := d.becomeMember(ctx); err != nil {
		return err
	}
	if err := d.launch(ctx); err != nil {
		return err
	}
	return d.announce(ctx)
}

// becomeMember copies the directory from the first DC.
func (d *DC) becomeMember(ctx context.Context) error {
	begin := time.Now()
	role := "DC" // as samba-tool names it
	if d.readOnly {
		role = "RODC"
	}
	req, err := json.Marshal(map[string]string{
		"domain": d.Domain(), "role": role, "server": d.first.Host(), "address": d.Addr(), "host": d.contents.Host,
		"user": d.Administrator().SAM, "password": d.Administrator().Password,
	})
	if err != nil {
		return err
	}
	script := filepath.Join(d.dir, "join.py")
	if err := os.WriteFile(script, []byte(joinScript), 0o600); err != nil {
		return err
	}
	err = runIsolated(ctx, strings.NewReader(string(req)), d.wired("sh", "-c", enterScript, "enter", d.root, d.dir, "python3", "/lab/join.py")...)
	if err != nil {
		return err
	}
	d.log.Info("joined a DC", "role", role, "address", d.Addr(), "milliseconds", time.Since(begin).Milliseconds())
	return errors.Join(d.contents.write(d.dir), os.Remove(script))
}

// announce puts the new DC into DNS beside the first one, which then makes it a replication partner.
func (d *DC) announce(ctx context.Context) error {
	conn, err := d.first.adminConn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	z := zones{conn: conn, base: d.BaseDN()}
	if err := z.announce(d.first.member(), d.member(), d.readOnly); err != nil {
		return fmt.Errorf("DNS records of the new DC: %w", err)
	}
	if d.readOnly {
		return d.preload(ctx, conn)
	}
	// What samba-tool drs kcc has the DC run; but that gives up after a minute, and a busy machine can take longer.
	if _, err = d.first.inside(ctx, "", "samba_kcc"); err != nil {
		return err
	}
	return d.partner(ctx, conn)
}

// partner returns when the first DC has made the new one a source of its own.
func (d *DC) partner(ctx context.Context, first *ldap.Conn) error {
	mine, err := d.adminConn(ctx)
	if err != nil {
		return err
	}
	defer mine.Close()
	settings, err := readOne(mine, "", "dsServiceName")
	if err != nil {
		return err
	}
	id, err := readOne(mine, settings, "objectGUID")
	if err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := first.Search(ldap.NewSearchRequest(d.BaseDN(), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0,
			false, "(objectClass=*)", []string{"repsFrom"}, nil))
		if err != nil {
			return fmt.Errorf("looking for the new DC among the sources of the first: %w", err)
		}
		// REPS_FROM holds the objectGUID of the source's nTDSDSA object, [MS-DRSR].
		if strings.Contains(strings.Join(found.Entries[0].GetAttributeValues("repsFrom"), ""), id) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the first DC does not take the new one as a source: %w", context.Cause(ctx))
		}
	}
}

// preload gives a read-only DC the service account's password.
func (d *DC) preload(ctx context.Context, first *ldap.Conn) error {
	allowed := ldap.NewModifyRequest("CN=Allowed RODC Password Replication Group,CN=Users,"+d.BaseDN(), nil)
	allowed.Add("member", []string{d.ServiceAccount().DN})
	if err := first.Modify(allowed); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		return fmt.Errorf("allowing the service account at a read-only DC: %w", err)
	}
	_, err := d.Tool(ctx, "rodc", "preload", d.ServiceAccount().SAM, "--server="+d.first.Host(), "-P")
	return err
}

func (d *DC) member() member {
	return member{host: d.contents.Host, ip: d.Addr()}
}
