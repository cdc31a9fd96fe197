package operator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// The second factor is what every authenticator app knows: RFC 6238 with SHA-1, six digits and half a minute.
const (
	period = 30 // seconds
	skew   = 1  // steps that a phone's clock may be off
	digits = otp.DigitsSix
)

// bare takes out of a typed code what people put between its digits.
func bare(typed string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' {
			return -1
		}
		return c
	}, typed)
}

// isCode reports whether somebody typed what an app may show.
func isCode(typed string) bool {
	typed = bare(typed)
	return len(typed) == digits.Length() && strings.Trim(typed, "0123456789") == ""
}

// step returns the time step that a typed code belongs to.
func step(seed []byte, typed string, now time.Time) (int64, bool) {
	typed = bare(typed)
	at := now.Unix() / period
	for n := at - skew; n <= at+skew; n++ {
		ok, err := hotp.ValidateCustom(typed, uint64(max(n, 0)), encode(seed), hotp.ValidateOpts{Digits: digits, Algorithm: otp.AlgorithmSHA1})
		if err == nil && ok {
			return n, true
		}
	}
	return 0, false
}

func encode(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

// address is what an authenticator app reads from a picture (the "Key Uri Format" that all apps follow).
func address(issuer, name string, seed []byte) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(name)
	q := url.Values{"secret": {encode(seed)}, "issuer": {issuer}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// token returns a new secret for a cookie or a link, and the hash under which it is stored.
func token() (string, []byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	t := base64.RawURLEncoding.EncodeToString(b[:])
	return t, hashToken(t)
}

// hashToken needs no slow hash: tokens have 256 random bits, recovery codes 80.
func hashToken(t string) []byte {
	sum := sha256.Sum256([]byte("homeward operator\x00" + t))
	return sum[:]
}

func id() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// seedOf derives the second factor's secret of a link.
func seedOf(key []byte, link string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(link))
	return m.Sum(nil)[:seedLength]
}

// newRecovery makes recovery codes, to be shown once, and the hashes to store.
func newRecovery() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		var b [10]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		c := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
		c = c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
		codes, hashes = append(codes, c), append(hashes, hashRecovery(c))
	}
	return codes, hashes
}

// hashRecovery ignores case, spaces and hyphens.
func hashRecovery(code string) []byte {
	return hashToken("recovery " + strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(code))))
}
