package admin

import "homeward/internal/server/verify"

// settingWord is what a setting is called, by the name that records tell it by: as the page calls it on which it is set.
func settingWord(name string) string {
	return map[string]string{
		"writeback":                        "admin.onprem.writeback",
		"unlock":                           "admin.onprem.unlock",
		"self-service password reset for":  "admin.properties.for",
		"group":                            "admin.setting.group",
		"checks required":                  "admin.methods.required",
		"methods":                          "admin.methods.available",
		"directory's mail address":         "admin.methods.directory",
		"helpdesk pass":                    "admin.methods.pass",
		"security questions to set up":     "admin.setting.set_up",
		"security questions to answer":     "admin.setting.asked",
		"registration required":            "admin.registration.require",
		"reconfirm after days":             "admin.registration.days",
		"first proof by the directory":     "admin.registration.first",
		"tell people":                      "admin.notifications.people",
		"tell people by text message":      "admin.setting.texts",
		"tell administrators":              "admin.notifications.admins",
		"alerts to":                        "admin.setting.alerts",
		"alert webhook":                    "admin.notifications.webhook",
		"alert webhook without encryption": "admin.notifications.webhook.plain",
		"days before a password expires":   "admin.notifications.expiry",
		"quiet hours":                      "admin.setting.quiet",
		"time zone":                        "admin.setting.zone",
		"licences needed":                  "admin.licences.needed",
		"each person needs one":            "admin.licences.each",
		"name":                             "admin.setting.name",
		"accent colour":                    "admin.customize.accent",
		"logo":                             "admin.customize.logo",
		"helpdesk phone":                   "admin.customize.phone",
		"helpdesk mail":                    "admin.customize.mail",
		"helpdesk page":                    "admin.customize.help",
		"sign-in page":                     "admin.customize.signin",
		"first page's sentence":            "admin.customize.opening",
		"first page's note":                "admin.customize.note",
		"VPN step":                         "admin.customize.vpn",
		"issuer":                           "admin.provider.issuer",
		"client id":                        "admin.provider.client",
		"client secret":                    "admin.provider.secret",
		"group claim":                      "admin.provider.claim",
		"groups":                           "admin.provider.groups",
		"acr":                              "admin.provider.acr",
		"amr":                              "admin.provider.amr",
		"sign out there":                   "admin.provider.logout",
	}[name]
}

// scopeWord is whom self-service is for.
func scopeWord(scope string) string {
	switch scope {
	case "none":
		return "admin.properties.none"
	case "selected":
		return "admin.properties.selected"
	}
	return "admin.properties.all"
}

// methodWord is what a kind of method is called.
func methodWord(k verify.Kind) string {
	return map[verify.Kind]string{
		verify.App: "admin.methods.app", verify.Text: "admin.methods.text", verify.Mail: "admin.methods.mail", verify.Passkey: "admin.methods.passkey",
		verify.Questions: "admin.methods.questions", verify.Pass: "admin.methods.pass",
	}[k]
}

// methodIcon is how a kind of method is drawn.
func methodIcon(k verify.Kind) string {
	switch k {
	case verify.Passkey:
		return "passkey"
	case verify.App:
		return "device"
	case verify.Text:
		return "text"
	case verify.Questions:
		return "question"
	case verify.Mail:
		return "mail"
	case verify.Pass:
	}
	return "key"
}

// kind is what a kind of method is called; one without words is its code.
func (f Frame) kind(k verify.Kind) string {
	if id := methodWord(k); id != "" {
		return f.T(id)
	}
	return string(k)
}
