package portal

import "time"

// zoneCookie is the name of the browser's time zone, which only a script can tell. It is a wish: it decides nothing but in
// which zone times are told.
const zoneCookie = "__Host-homeward-zone"

// maxZone bounds its name.
const maxZone = 64

// zone is the name of the person's time zone; empty where their browser hasn't told one that there is.
func (v *visit) zone() string {
	c, err := v.r.Cookie(zoneCookie)
	if err != nil || len(c.Value) > maxZone || c.Value == "Local" {
		return ""
	}
	if _, err := time.LoadLocation(c.Value); err != nil {
		return ""
	}
	return c.Value
}

// location is the person's time zone, or else their organisation's.
func (v *visit) location() *time.Location {
	return v.tenant.In(v.zone()).Settings.Location()
}
