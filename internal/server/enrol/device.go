package enrol

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"homeward/internal/protocol"
)

// Sign-in by device code (in the manner of RFC 8628): a machine asks, an operator who sees the same short code approves it, and
// the machine is handed an enrolment code. What is stored of both codes are hashes.

const (
	// DeviceLife is how long a request waits for an operator.
	DeviceLife = 15 * time.Minute
	// deviceInterval is how often a machine may ask whether it was approved.
	deviceInterval = 2 * time.Second
	// handedLife is how long the enrolment code of an approved machine works.
	handedLife = 15 * time.Minute
)

// DeviceState is where a device's request stands.
type DeviceState string

// States of a device's request. Each follows the one before it, once.
const (
	DevicePending  DeviceState = "pending"
	DeviceApproved DeviceState = "approved"
	DeviceRefused  DeviceState = "refused"
	DeviceHanded   DeviceState = "handed" // its enrolment code has been told
)

// Device is a machine that asks to be let in.
type Device struct {
	Hash     []byte // of the device code
	UserHash []byte // of the user code
	Machine  string
	Build    string
	Address  string // where it asked from
	Created  time.Time
	Expires  time.Time
	State    DeviceState
	Tenant   string // that approved it
	Operator string
	Decided  time.Time
}

// Devices keeps devices' requests. Missing rows are ErrNotFound.
type Devices interface {
	CreateDevice(ctx context.Context, d Device) error
	Device(ctx context.Context, hash []byte) (Device, error)
	DeviceByUser(ctx context.Context, userHash []byte) (Device, error)
	// MoveDevice stores next if the row still has the state from; ErrConflict otherwise.
	MoveDevice(ctx context.Context, next Device, from DeviceState) error
}

// Ask begins a request. address is where it comes from, for the operator to see.
func (s *Service) Ask(ctx context.Context, r protocol.DeviceRequest, address string) (protocol.DeviceAnswer, error) {
	none := protocol.DeviceAnswer{}
	if err := speaks(r.Version); err != nil {
		return none, err
	}
	if r.Machine == "" || len(r.Machine) > maxText || len(r.Build) > maxText {
		return none, &Refusal{protocol.ReasonMalformed, "The request's machine or build is missing or too long."}
	}
	now := s.Now()
	device, user := rand.Text(), shortCode()
	d := Device{
		Hash: hashDevice(device), UserHash: hashUser(user), Machine: printable(r.Machine), Build: printable(r.Build), Address: address,
		Created: now, Expires: now.Add(DeviceLife), State: DevicePending,
	}
	if err := s.Devices.CreateDevice(ctx, d); err != nil {
		return none, fmt.Errorf("store a device's request: %w", err)
	}
	return protocol.DeviceAnswer{
		Version: protocol.Version, UserCode: user, DeviceCode: device, Expires: protocol.MilliOf(d.Expires), Interval: int(deviceInterval / time.Second),
	}, nil
}

// Waiting returns the request with a user code, for an operator to look at before deciding. One that is over or was
// decided is ErrNotFound.
func (s *Service) Waiting(ctx context.Context, user string) (Device, error) {
	d, err := s.Devices.DeviceByUser(ctx, hashUser(user))
	if err != nil {
		return Device{}, fmt.Errorf("look up a device's request: %w", err)
	}
	if d.State != DevicePending || !s.Now().Before(d.Expires) {
		return Device{}, fmt.Errorf("look up a device's request: %w", ErrNotFound)
	}
	return d, nil
}

// Decide approves or refuses a request for a tenant, once.
func (s *Service) Decide(ctx context.Context, d Device, tenantID, operator string, approve bool) error {
	d.State, d.Tenant, d.Operator, d.Decided = DeviceRefused, tenantID, operator, s.Now()
	if approve {
		d.State = DeviceApproved
	}
	if err := s.Devices.MoveDevice(ctx, d, DevicePending); err != nil {
		return fmt.Errorf("decide a device's request: %w", err)
	}
	return nil
}

// Poll tells a machine where its request stands. An approved one is handed an enrolment code, once.
func (s *Service) Poll(ctx context.Context, r protocol.DevicePoll) (protocol.DeviceResult, error) {
	result := protocol.DeviceResult{Version: protocol.Version, State: "expired"}
	if err := speaks(r.Version); err != nil {
		return result, err
	}
	d, err := s.Devices.Device(ctx, hashDevice(clipped(r.DeviceCode, 64)))
	if errors.Is(err, ErrNotFound) {
		return result, nil
	}
	if err != nil {
		return result, fmt.Errorf("look up a device's request: %w", err)
	}
	switch {
	case d.State == DeviceRefused:
		result.State, result.By, result.At = "refused", d.Operator, protocol.MilliOf(d.Decided)
	case !s.Now().Before(d.Expires), d.State == DeviceHanded:
	case d.State == DevicePending:
		result.State = "pending"
	case d.State == DeviceApproved:
		return s.hand(ctx, d)
	}
	return result, nil
}

// hand makes the enrolment code. Whoever moves the request first has it; the loser of a race is told that it is over.
func (s *Service) hand(ctx context.Context, d Device) (protocol.DeviceResult, error) {
	next := d
	next.State = DeviceHanded
	err := s.Devices.MoveDevice(ctx, next, DeviceApproved)
	if errors.Is(err, ErrConflict) {
		return protocol.DeviceResult{Version: protocol.Version, State: "expired"}, nil
	}
	if err != nil {
		return protocol.DeviceResult{}, fmt.Errorf("hand over an enrolment code: %w", err)
	}
	code, _, err := s.NewCode(ctx, d.Tenant, handedLife)
	if err != nil {
		return protocol.DeviceResult{}, err
	}
	return protocol.DeviceResult{Version: protocol.Version, State: "approved", Code: code, By: d.Operator, At: protocol.MilliOf(d.Decided)}, nil
}

// shortCode is forty random bits, read aloud in two groups. It opens nothing by itself: an operator has to approve it
// while it waits, a quarter of an hour at most.
func shortCode() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

func hashDevice(code string) []byte {
	sum := sha256.Sum256([]byte("homeward device code\x00" + code))
	return sum[:]
}

func hashUser(code string) []byte {
	sum := sha256.Sum256([]byte("homeward user code\x00" + bare(clipped(code, 64))))
	return sum[:]
}

// printable drops what could drive an operator's terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s)
}
