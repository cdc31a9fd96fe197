package activedirectory

import (
	"context"
	"slices"
	"sync"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Witnesses reads the account on the controller whose database is invocation (as GUID.Hex), and on the PDC emulator
// if that is another one: one search each, side by side. Each Account's DC tells which is which.
//
// A controller that cannot be reached, or is not known any more, is left out; without any the reason is
// ReasonDirectoryDown. ReasonNotFound comes from the controller that was written, or from both: one that has not
// heard of the account yet is no witness of its end.
func (d *Directory) Witnesses(ctx context.Context, guid directory.GUID, invocation string) ([]Account, error) {
	if err := d.ready(ctx); err != nil {
		return nil, wrap("look for witnesses", err)
	}
	written, pdc := d.witnesses(invocation)
	targets := slices.Concat(written, pdc)
	seen := make([]sighting, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { seen[i] = d.sight(ctx, t, guid) })
	}
	all.Wait()
	var (
		accounts []Account
		gone     int
		first    error
	)
	for i, s := range seen {
		switch {
		case s.err == nil:
			accounts = append(accounts, s.account)
		case ReasonOf(s.err) == protocol.ReasonNotFound && (i < len(written) || invocation == ""):
			return nonEmpty(accounts, seen[i+1:], s.err)
		case ReasonOf(s.err) == protocol.ReasonNotFound:
			gone++
		case first == nil:
			first = s.err
		}
	}
	switch {
	case len(accounts) > 0:
		return accounts, nil
	case first != nil:
		return nil, wrap("look for witnesses", first)
	}
	return nil, &Error{Reason: protocol.ReasonDirectoryDown, doing: "neither the controller that was written nor the PDC emulator can say"}
}

// nonEmpty returns the accounts there are, or else the error.
func nonEmpty(accounts []Account, more []sighting, err error) ([]Account, error) {
	for _, s := range more {
		if s.err == nil {
			accounts = append(accounts, s.account)
		}
	}
	if len(accounts) == 0 {
		return nil, err
	}
	return accounts, nil
}

// witnesses picks the controller that was written, and the PDC emulator unless it is the same or has just been seen
// to be away.
func (d *Directory) witnesses(invocation string) (written, pdc []target) {
	now := d.config.Clock()
	for _, t := range d.fleet.order(now) {
		switch {
		case !t.known:
		case t.dc.Invocation.Hex() == invocation:
			if len(written) == 0 {
				written = append(written, t)
			}
		case t.dc.PDC && len(pdc) == 0:
			pdc = append(pdc, t)
		}
	}
	if len(written) > 0 && len(pdc) > 0 && (pdc[0].resting(now) || written[0].dc.PDC) {
		pdc = nil
	}
	return written, pdc
}

func (d *Directory) sight(ctx context.Context, t target, guid directory.GUID) (s sighting) {
	s.err = d.aside(ctx, t, func(c *conn) error {
		var err error
		s.account, err = d.account(c, guid)
		return err
	})
	s.err = wrap("read the account", s.err)
	return s
}

// Elsewhere reads the account on every controller that may be written, except the one whose database is invocation: a
// write may have gone there instead. It fails while one of them can't say. One that does not know the account is left out.
func (d *Directory) Elsewhere(ctx context.Context, guid directory.GUID, invocation string) ([]Account, error) {
	if err := d.ready(ctx); err != nil {
		return nil, wrap("look at every controller", err)
	}
	targets := slices.DeleteFunc(d.fleet.order(d.config.Clock()), func(t target) bool { return t.known && t.dc.Invocation.Hex() == invocation })
	seen := make([]sighting, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { seen[i] = d.sight(ctx, t, guid) })
	}
	all.Wait()
	var accounts []Account
	answered := map[string]bool{} // hosts: one of several addresses is enough
	for i, s := range seen {
		if s.err == nil {
			accounts = append(accounts, s.account)
		}
		if s.err == nil || ReasonOf(s.err) == protocol.ReasonNotFound {
			answered[targets[i].host] = true
		}
	}
	for i, s := range seen {
		if !answered[targets[i].host] {
			return nil, wrap("look at every controller", s.err)
		}
	}
	return accounts, nil
}
