// Package lab runs a disposable, real Samba Active Directory domain controller for the demo and for tests.
//
// The domain is corp.contoso.test with the extra UPN suffix contoso.com, three organizational units and a
// service account with the rights Homeward asks an administrator for, no more. With [Options].Sample it is
// also filled with people in the states real accounts get into ([Kind]).
//
// What it guarantees: the DC ends with the process that started it, even when that process is killed; it
// leaves no mount and no process behind; several DCs run side by side, also from different processes, each
// on its own loopback address; every password is random. The file server, winbind and NetBIOS do not run:
// the lab answers LDAP, LDAPS, Kerberos, kpasswd, DNS and the RPC interfaces (DRSUAPI, SAMR, LSA).
//
// Slow work is cached below the folder of [CacheDir]: the Debian root with Samba (built once, about a
// minute) and the provisioned domain (about five seconds, made again after a week because the sample's
// password dates grow old). A start from the cache takes about a second.
//
// It needs Linux, root (mount and pid namespaces) and the Debian packages of [Requirements]. It is never a
// place for real accounts: the cache keeps the sample's passwords in clear text, readable by root only.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
)

// Options say what kind of DC [Start] gives.
type Options struct {
	// Dir is the folder for everything the DC writes. Empty: a temporary folder in the cache, which Stop
	// removes. A given folder stays; if it already holds a DC, that one is started again as it is.
	Dir string
	// Domain is the domain the DC is the first of. The zero value is Contoso().
	Domain Domain
	// Sample adds the sample people.
	Sample bool
	// Backend is the database the DC keeps its directory in. The zero value is SmallBackend. DCs that join have the small
	// one: each DC chooses for itself.
	Backend Backend
	// PasswordFilter is an executable on this machine that the DC asks about every new password (password on
	// standard input, exit status 0 accepts, SAMBA_CPS_ACCOUNT_NAME names the account). It is copied into the
	// DC's folder and runs inside the lab root, which has /bin/sh and python3; it sees [DC.Dir] as /lab.
	PasswordFilter string
	// Cable puts the DC behind a cable, at the cable's address, instead of on a loopback address: the test can
	// unplug it. Other DCs of the domain have to be on the same Network.
	Cable *Cable
	// Logger hears what takes time. Nil: nothing is logged. No password is ever logged.
	Logger *slog.Logger
}

// Account is somebody who can sign in to the lab domain.
type Account struct {
	DN       string
	UPN      string
	SAM      string
	Password string
}

// String leaves the password out.
func (a Account) String() string { return a.UPN }

// GoString leaves the password out, for %#v.
func (a Account) GoString() string { return fmt.Sprintf("lab.Account{UPN:%q}", a.UPN) }

// DC is one running domain controller.
type DC struct {
	dir      string
	folder   *folder
	root     string
	address  *address
	contents *contents
	issuer   *authority // of the domain's certificates
	first    *DC        // the DC this one joined; nil for the first
	readOnly bool
	cable    *Cable
	filter   string
	log      *slog.Logger

	mu      sync.Mutex
	process *process
	joined  int // DCs that have joined this one, ended ones included
}

// Start gives a DC that answers LDAPS and Kerberos. The first call on a machine builds the cache, which
// needs a Debian mirror and takes about a minute; ctx bounds that and the start, not the life of the DC.
// The errors say what is missing: not root, not Linux, packages to install, no free address, or the end of
// the DC's own log.
func Start(ctx context.Context, opt Options) (*DC, error) {
	d, cache, err := newDC(ctx, &opt)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(ctx, cache, opt); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

// newDC completes the options and makes sure of the lab root.
func newDC(ctx context.Context, opt *Options) (*DC, *cache, error) {
	if err := platformUsable(); err != nil {
		return nil, nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Domain == (Domain{}) {
		opt.Domain = Contoso()
	}
	release, err := chosenRelease()
	if err != nil {
		return nil, nil, err
	}
	cache, err := openCache(opt.Logger)
	if err != nil {
		return nil, nil, err
	}
	root, err := cache.root(ctx, release)
	if err != nil {
		return nil, nil, fmt.Errorf("lab root: %w", err)
	}
	return &DC{root: root, log: opt.Logger, filter: opt.PasswordFilter, cable: opt.Cable}, cache, nil
}

// prepare does everything that Stop has to undo.
func (d *DC) prepare(ctx context.Context, cache *cache, opt Options) error {
	var err error
	if d.folder, err = cache.folder(ctx, opt.Dir); err != nil {
		return fmt.Errorf("folder for the DC: %w", err)
	}
	d.dir = d.folder.path
	fresh, err := d.fill(ctx, cache, opt)
	if err != nil {
		return err
	}
	if err := d.takeAddress(ctx, cache); err != nil {
		return err
	}
	if d.issuer, err = newAuthority(); err != nil {
		return err
	}
	if err := d.configure(); err != nil {
		return err
	}
	if err := d.launch(ctx); err != nil {
		return err
	}
	return d.settle(ctx, fresh)
}

// fill copies the provisioned domain into the folder, unless the folder holds one already.
func (d *DC) fill(ctx context.Context, cache *cache, opt Options) (fresh bool, err error) {
	d.contents, err = readContents(d.dir)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("DC in %s: %w", d.dir, err)
	}
	if err := cache.copyTemplate(ctx, d.root, opt, d.dir); err != nil {
		return false, fmt.Errorf("lab domain: %w", err)
	}
	d.contents, err = readContents(d.dir)
	return true, err
}

func (d *DC) takeAddress(ctx context.Context, cache *cache) (err error) {
	if d.cable != nil {
		d.address = &address{ip: d.cable.Addr()}
		return nil
	}
	d.address, err = cache.reserveAddress(ctx)
	return err
}

// Addr is the address the DC listens on: a loopback address, for example 127.0.0.20, or its cable's.
func (d *DC) Addr() string { return d.address.ip }

// Host is the DC's DNS name. Only the DC's own DNS server resolves it; it is also in the certificate.
func (d *DC) Host() string { return d.contents.Host + "." + d.Domain() }

// LDAPSURL is the address for LDAP over TLS; the certificate names the IP address too.
func (d *DC) LDAPSURL() string { return "ldaps://" + d.Addr() + ":636" }

// KDC is host and port of Kerberos, TCP and UDP.
func (d *DC) KDC() string { return d.Addr() + ":88" }

// DNS is host and port of the DC's DNS server, TCP and UDP.
func (d *DC) DNS() string { return d.Addr() + ":53" }

// CAFile is the PEM file with the authority that signed the DC's certificate.
func (d *DC) CAFile() string { return filepath.Join(d.dir, "tls", caFile) }

// BaseDN is the DN of the domain.
func (d *DC) BaseDN() string { return d.contents.Domain.BaseDN() }

// Realm is the Kerberos realm.
func (d *DC) Realm() string { return d.contents.Domain.Realm() }

// Domain is the DNS name of the domain.
func (d *DC) Domain() string { return d.contents.Domain.DNS }

// NetBIOSName is the short name of the domain.
func (d *DC) NetBIOSName() string { return d.contents.Domain.NetBIOS }

// UPNSuffix is the suffix of the people's names.
func (d *DC) UPNSuffix() string { return d.contents.Domain.UPNSuffix }

// OUs are the DNs of the organizational units with people, on which the service account has its rights.
func (d *DC) OUs() []string { return d.contents.Domain.organizationalUnits() }

// Dir is the folder with everything the DC writes; the DC itself sees it as /lab.
func (d *DC) Dir() string { return d.dir }

// LogFile is Samba's log, with one JSON object per password operation and sign-in among the plain lines.
func (d *DC) LogFile() string { return filepath.Join(d.dir, "log", "log.samba") }

// Administrator is the built-in domain administrator.
func (d *DC) Administrator() Account { return d.contents.Administrator }

// ServiceAccount is svc-homeward: an ordinary user with the delegated rights on the three OUs.
func (d *DC) ServiceAccount() Account { return d.contents.Service }

// People are the sample people, in a fixed order; empty without [Options].Sample.
func (d *DC) People() []Person { return append([]Person(nil), d.contents.People...) }

// Person is the first sample person of a kind; ok is false when there is none.
func (d *DC) Person(kind Kind) (p Person, ok bool) {
	for _, p := range d.contents.People {
		if p.Kind == kind {
			return p, true
		}
	}
	return Person{}, false
}
