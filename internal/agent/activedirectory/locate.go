package activedirectory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	// locateAge is how long a list of controllers is good; after a failure it is made anew at the next Check.
	locateAge = 5 * time.Minute
	// lookupTime bounds one question to DNS.
	lookupTime = 2 * time.Second
	// maxTargets bounds how many controllers are kept an eye on; a big domain has hundreds. Those of the site and
	// of the best priority come first.
	maxTargets = 8
)

// place is a controller's name as the configuration or DNS gives it.
type place struct {
	host     string
	port     string
	local    bool // DNS lists it under Config.Site
	priority int  // place in the configured list, or priority of the SRV record (RFC 2782)
	draw     int  // place among those of equal priority, drawn by weight
}

// refresh makes the list of controllers anew. The last good list stays when that gives none.
func (d *Directory) refresh(ctx context.Context) error {
	places, err := d.places(ctx)
	var found []target
	if err == nil {
		found, err = d.resolve(ctx, places)
	}
	if len(found) == 0 {
		d.fleet.keep(d.config.Clock())
		if !d.fleet.empty() {
			d.config.Logger.Warn("controllers can't be looked up; the last list is used", "error", err)
			return nil
		}
		return err
	}
	d.fleet.replace(found, d.config.Clock())
	return nil
}

func (d *Directory) places(ctx context.Context) ([]place, error) {
	if len(d.urls) == 0 {
		return d.placesInDNS(ctx)
	}
	places := make([]place, len(d.urls))
	for i, u := range d.urls {
		places[i] = place{host: u.Hostname(), port: u.Port(), priority: i}
	}
	return places, nil
}

// placesInDNS asks for the SRV records that controllers register ([MS-ADTS] 6.3.2.3): of the site first, then of
// the domain.
func (d *Directory) placesInDNS(ctx context.Context) ([]place, error) {
	var (
		places []place
		errs   []error
	)
	domain := "dc._msdcs." + strings.Trim(d.config.Domain, ".")
	if d.config.Site != "" {
		local, err := d.services(ctx, d.config.Site+"._sites."+domain)
		for i := range local {
			local[i].local = true
		}
		places, errs = local, append(errs, err)
	}
	all, err := d.services(ctx, domain)
	errs = append(errs, err)
	for _, p := range all {
		if !slices.ContainsFunc(places, func(known place) bool { return strings.EqualFold(known.host, p.host) }) {
			places = append(places, p)
		}
	}
	if len(places) == 0 {
		return nil, errors.Join(errs...)
	}
	return d.nearest(places), nil
}

// nearest keeps what maxTargets allows, and the PDC emulator whatever its place.
func (d *Directory) nearest(places []place) []place {
	if len(places) <= maxTargets {
		return places
	}
	pdc := d.fleet.emulatorHost()
	out := places[:maxTargets:maxTargets]
	for _, p := range places[maxTargets:] {
		if strings.EqualFold(p.host, pdc) {
			out = append(out, p)
		}
	}
	return out
}

// services asks for one set of SRV records; they come sorted by priority and shuffled by weight.
func (d *Directory) services(ctx context.Context, name string) ([]place, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	_, records, err := d.resolver.LookupSRV(ctx, "ldap", "tcp", name)
	if len(records) == 0 {
		return nil, d.dnsError("the SRV records of _ldap._tcp."+name, err)
	}
	places := make([]place, len(records))
	for i, r := range records {
		port := strconv.FormatUint(uint64(r.Port), 10)
		if d.config.Security == LDAPS {
			_, port = LDAPS.endpoint() // SRV records name the port of plain LDAP
		}
		places[i] = place{host: strings.TrimSuffix(r.Target, "."), port: port, priority: int(r.Priority), draw: i}
	}
	return places, nil
}

// resolve asks for the addresses of all, side by side. A name without an answer keeps the addresses it had.
func (d *Directory) resolve(ctx context.Context, places []place) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, errs := make([][]target, len(places)), make([]error, len(places))
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() {
			addresses, err := d.addresses(ctx, p.host)
			for _, a := range addresses {
				found[i] = append(found[i], p.at(net.JoinHostPort(a.String(), p.port)))
			}
			if err != nil {
				found[i], errs[i] = d.fleet.of(p.host, p.port), err
			}
		})
	}
	all.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

func (p place) at(address string) target {
	return target{host: p.host, address: address, local: p.local, priority: p.priority, draw: p.draw}
}

func (d *Directory) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	list, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(list) == 0 {
		return nil, d.dnsError("the address of "+host, err)
	}
	for i := range list {
		list[i] = list[i].Unmap()
	}
	return list, nil
}

// dnsError says which name was asked of whom, and what to do.
func (d *Directory) dnsError(what string, err error) error {
	if err == nil {
		err = errors.New("there are none")
	}
	return &Error{
		Reason: protocol.ReasonDirectoryDown, err: err,
		doing: fmt.Sprintf("ask %s for %s: name a DNS server of the domain (dns), or the controllers themselves (urls)",
			cmp.Or(d.config.Resolver, "this machine's DNS"), what),
	}
}

// newResolver asks server (host:port) and nobody else; empty is the machine's own way.
func newResolver(server string) *net.Resolver {
	if server == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
}
