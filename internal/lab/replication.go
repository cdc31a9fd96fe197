package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-ldap/ldap/v3"
)

// Options of an nTDSDSA object, [MS-ADTS] 6.1.1.2.2.1.2.1.1.
const (
	disableInbound  = 0x2
	disableOutbound = 0x4
)

// Replicate pulls what another DC holds of the domain to this one, now, and returns when it is here. It fails
// while the replication of either is paused.
func (d *DC) Replicate(ctx context.Context, from *DC) error {
	_, err := d.Tool(ctx, "drs", "replicate", d.contents.Host, from.contents.Host, d.BaseDN(), "-P")
	if err != nil {
		return fmt.Errorf("replicating from %s to %s: %w", from.Host(), d.Host(), err)
	}
	return nil
}

// PauseReplication keeps this DC from telling others what it holds and from learning what they hold, until
// ResumeReplication. What was under way is finished.
func (d *DC) PauseReplication(ctx context.Context) error {
	return d.setReplication(ctx, func(options int) int { return options | disableInbound | disableOutbound })
}

// ResumeReplication ends PauseReplication.
func (d *DC) ResumeReplication(ctx context.Context) error {
	return d.setReplication(ctx, func(options int) int { return options &^ (disableInbound | disableOutbound) })
}

func (d *DC) setReplication(ctx context.Context, change func(int) int) error {
	conn, err := d.adminConn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	settings, err := readOne(conn, "", "dsServiceName")
	if err != nil {
		return err
	}
	// Absent means 0.
	text, err := readOne(conn, settings, "options")
	if err != nil && !errors.Is(err, errNoValue) {
		return err
	}
	options := 0
	if text != "" {
		if options, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("options of %s: %w", settings, err)
		}
	}
	if err := replace(conn, settings, "options", strconv.Itoa(change(options))); err != nil {
		return fmt.Errorf("replication of %s: %w", d.Host(), err)
	}
	return nil
}

var errNoValue = errors.New("no value")

func readOne(conn *ldap.Conn, dn, name string) (string, error) {
	found, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{name}, nil))
	if err != nil {
		return "", fmt.Errorf("reading %s of %q: %w", name, dn, err)
	}
	if len(found.Entries) != 1 || len(found.Entries[0].GetAttributeValues(name)) != 1 {
		return "", fmt.Errorf("reading %s of %q: %w", name, dn, errNoValue)
	}
	return found.Entries[0].GetAttributeValue(name), nil
}

// TransferPDC makes this DC the PDC emulator, with the consent of the present one, which has to run.
func (d *DC) TransferPDC(ctx context.Context) error {
	if _, err := d.Tool(ctx, "fsmo", "transfer", "--role=pdc"); err != nil {
		return fmt.Errorf("making %s the PDC emulator: %w", d.Host(), err)
	}
	return nil
}
