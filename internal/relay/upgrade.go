package relay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

const (
	// UpgradeHeader is the HTTP header an agent signs every upgrade with: "1 <agent> <unix seconds>
	// <signature>", the signature in unpadded URL-safe base64. It lets the portal turn strangers away
	// before they cost a connection; the relay itself authenticates once more behind it.
	UpgradeHeader = "Homeward-Relay"
	// MaxSkew is how far an upgrade's time may be from the server's clock, either way.
	MaxSkew = 2 * time.Minute

	upgradeVersion = "1"
	upgradePurpose = "homeward relay 1\x00"
	signatureSize  = 64
	maxUpgradeSize = 256
	maxUnix        = 1 << 40
)

// Errors of an upgrade header.
var (
	// ErrUpgradeMalformed reports a header that is not in the form that SignUpgrade gives.
	ErrUpgradeMalformed = errors.New("upgrade header is malformed")
	// ErrUpgradeSkew reports a header signed more than MaxSkew before or after now.
	ErrUpgradeSkew = errors.New("upgrade header is from another time")
	// ErrUpgradeSignature reports a signature that is not the named agent's.
	ErrUpgradeSignature = errors.New("upgrade header is not signed by the agent it names")
)

// Upgrade is a parsed upgrade header. Nothing in it is proven before Verify.
type Upgrade struct {
	Agent     string // public nkey, U…
	At        time.Time
	Signature []byte
}

// SignUpgrade returns the header value for one upgrade at the given time, signed by sign with the agent's
// nkey. It fails only when sign does.
func SignUpgrade(agent string, at time.Time, sign func([]byte) ([]byte, error)) (string, error) {
	unix := strconv.FormatInt(at.Unix(), 10)
	sig, err := sign(upgradeMessage(agent, unix))
	if err != nil {
		return "", fmt.Errorf("sign the upgrade: %w", err)
	}
	return strings.Join([]string{upgradeVersion, agent, unix, base64.RawURLEncoding.EncodeToString(sig)}, " "), nil
}

// ParseUpgrade reads a header value strictly: there is exactly one spelling of each upgrade. Its error is
// ErrUpgradeMalformed.
func ParseUpgrade(value string) (Upgrade, error) {
	if len(value) > maxUpgradeSize {
		return Upgrade{}, ErrUpgradeMalformed
	}
	part := strings.Split(value, " ")
	if len(part) != 4 || part[0] != upgradeVersion || !nkeys.IsValidPublicUserKey(part[1]) {
		return Upgrade{}, ErrUpgradeMalformed
	}
	unix, err := strconv.ParseInt(part[2], 10, 64)
	if err != nil || unix < 0 || unix > maxUnix || strconv.FormatInt(unix, 10) != part[2] {
		return Upgrade{}, ErrUpgradeMalformed
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(part[3])
	if err != nil || len(sig) != signatureSize || strings.ContainsAny(part[3], "\r\n") {
		return Upgrade{}, ErrUpgradeMalformed
	}
	return Upgrade{Agent: part[1], At: time.Unix(unix, 0), Signature: sig}, nil
}

// Verify checks the time, then the signature. Its errors are ErrUpgradeSkew and ErrUpgradeSignature.
func (u Upgrade) Verify(now time.Time) error {
	if d := now.Sub(u.At); d > MaxSkew || d < -MaxSkew {
		return ErrUpgradeSkew
	}
	key, err := nkeys.FromPublicKey(u.Agent)
	if err != nil {
		return ErrUpgradeSignature
	}
	if key.Verify(upgradeMessage(u.Agent, strconv.FormatInt(u.At.Unix(), 10)), u.Signature) != nil {
		return ErrUpgradeSignature
	}
	return nil
}

func upgradeMessage(agent, unix string) []byte {
	return []byte(upgradePurpose + agent + "\x00" + unix)
}
