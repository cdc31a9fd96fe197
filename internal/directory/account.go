package directory

import (
	"math"
	"time"
)

// AccountControl is userAccountControl and msDS-User-Account-Control-Computed ([MS-ADTS] 2.2.16).
type AccountControl uint32

// Bits of AccountControl. Locked and PasswordExpired are maintained in the computed attribute only.
const (
	Disabled           AccountControl = 0x2
	Locked             AccountControl = 0x10
	PasswordNotReqd    AccountControl = 0x20
	NormalAccount      AccountControl = 0x200
	DontExpirePassword AccountControl = 0x10000
	SmartcardRequired  AccountControl = 0x40000
	PasswordExpired    AccountControl = 0x800000
)

// Has reports whether every bit of b is set.
func (c AccountControl) Has(b AccountControl) bool { return c&b == b }

// filetimeEpoch is 1601-01-01 in 100 ns before the Unix epoch ([MS-DTYP] 2.3.3).
const filetimeEpoch = 116444736000000000

// FiletimeNever is how Active Directory writes "never" in a time attribute.
const FiletimeNever = math.MaxInt64

// FromFiletime turns a FILETIME into a time. Zero and FiletimeNever give the zero time.
func FromFiletime(v int64) time.Time {
	if v <= 0 || v == FiletimeNever {
		return time.Time{}
	}
	v -= filetimeEpoch
	return time.Unix(v/1e7, v%1e7*100).UTC()
}

// Filetime turns a time into a FILETIME.
func Filetime(t time.Time) int64 { return t.Unix()*1e7 + int64(t.Nanosecond())/100 + filetimeEpoch }

// FromInterval turns one of the negative 100 ns intervals of the domain head (minPwdAge, lockoutDuration)
// into a duration. "Never" (the most negative value) and anything over 290 years give zero.
func FromInterval(v int64) time.Duration {
	if v >= 0 || v < -math.MaxInt64/100 {
		return 0
	}
	return time.Duration(-v) * 100
}
