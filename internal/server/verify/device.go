package verify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Devices recognises a browser in which somebody has proven who they are before, by a cookie (OWASP's device cookies). It
// proves nothing and opens nothing: such a browser only has tries of its own, so that strangers who use up a person's tries
// with wrong codes don't keep out the person. The cookie tells neither whose it is nor how many people it is for: that shows
// only beside a name. It holds random numbers, hours and MACs.
type Devices struct {
	key []byte
	now func() time.Time
}

// NewDevices returns Devices whose cookies are signed with key.
func NewDevices(key []byte, now func() time.Time) *Devices { return &Devices{key: key, now: now} }

const (
	// DeviceLife is for how long a browser is recognised after a check.
	DeviceLife = 180 * 24 * time.Hour

	// maxDevices is how many people may share a browser; then the longest unseen is forgotten.
	maxDevices = 4

	deviceID, deviceMAC = 12, 16
	deviceSize          = deviceID + 4 + deviceMAC
)

// Known returns what names the browser for somebody, or nothing when its cookie isn't for them. For nobody it takes as long.
func (d *Devices) Known(cookie, tenant, person string) string {
	found := ""
	for _, token := range d.tokens(cookie) {
		if d.fits(token, tenant, person) {
			found = hex.EncodeToString(token[:deviceID])
		}
	}
	return found
}

// Remember returns the browser's new cookie: what it was, and somebody who has just proven who they are.
func (d *Devices) Remember(cookie, tenant, person string) string {
	fresh := make([]byte, deviceSize)
	_, _ = rand.Read(fresh[:deviceID]) // never fails (crypto/rand)
	kept := [][]byte{fresh}
	for _, token := range d.tokens(cookie) {
		if d.fits(token, tenant, person) {
			copy(fresh, token[:deviceID]) // one browser, one name: its tries don't start anew
			continue
		}
		kept = append(kept, token)
	}
	binary.BigEndian.PutUint32(fresh[deviceID:], hours(d.now()))
	copy(fresh[deviceID+4:], d.mac(fresh, tenant, person))
	var out []string
	for _, token := range kept[:min(len(kept), maxDevices)] {
		out = append(out, base64.RawURLEncoding.EncodeToString(token))
	}
	return strings.Join(out, ".")
}

// tokens reads a cookie: what has the right shape and isn't over.
func (d *Devices) tokens(cookie string) [][]byte {
	var out [][]byte
	now := hours(d.now())
	for i, text := range strings.SplitN(cookie, ".", maxDevices+1) {
		token, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if i == maxDevices || err != nil || len(token) != deviceSize {
			continue
		}
		if made := binary.BigEndian.Uint32(token[deviceID:]); made <= now && now-made < uint32(DeviceLife/time.Hour) {
			out = append(out, token)
		}
	}
	return out
}

func (d *Devices) fits(token []byte, tenant, person string) bool {
	right := hmac.Equal(token[deviceID+4:], d.mac(token, tenant, person))
	return right && person != ""
}

func (d *Devices) mac(token []byte, tenant, person string) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write(token[:deviceID+4])
	h.Write([]byte("device\x00" + tenant + "\x00" + person))
	return h.Sum(nil)[:deviceMAC]
}

func hours(t time.Time) uint32 { return uint32(t.Unix() / 3600) } //nolint:gosec // until the year 491 936
