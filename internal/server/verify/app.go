package verify

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// appPeriod is how long an authenticator app shows one code (RFC 6238 5.2).
	appPeriod = 30 * time.Second
	// appDrift is how many steps the app's clock may be off either way.
	appDrift = 1
	// seedSize is that of the hash, as RFC 4226 section 4 recommends.
	seedSize = 20
)

// NewSeed draws the secret that an authenticator app shares.
func NewSeed() []byte {
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed) // never fails (crypto/rand)
	return seed
}

// SeedText is a seed as people type it into an app.
func SeedText(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

// SeedURL is a seed as an app reads it from a QR code (otpauth, Key URI format).
func SeedURL(seed []byte, issuer, account string) string {
	q := url.Values{"secret": {SeedText(seed)}, "issuer": {issuer}}
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// MatchApp compares a typed code with those an app with this seed shows now, one step before and one after, always all
// of them. It returns the time step that fits, which only counts if it is above after: that one was accepted before.
func MatchApp(seed []byte, typed string, after int64, now time.Time) (step int64, ok bool, err error) {
	text, err := normalise(typed)
	if err != nil {
		return 0, false, err
	}
	present := now.Unix() / int64(appPeriod/time.Second)
	for s := present - appDrift; s <= present+appDrift; s++ {
		code, err := hotp.GenerateCodeCustom(SeedText(seed), uint64(max(s, 0)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("code of an app: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(text)) == 1 && s > after {
			step, ok = s, true
		}
	}
	return step, ok, nil
}
