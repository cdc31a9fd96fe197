package admin

import "homeward/internal/protocol"

// findingWord is how a finding is to be taken.
func findingWord(s protocol.FindingStatus) string {
	switch s {
	case protocol.FindingOK:
		return "admin.check.status.ok"
	case protocol.FindingNote:
		return "admin.check.status.note"
	case protocol.FindingWarn:
		return "admin.check.status.warn"
	case protocol.FindingFail:
		return "admin.check.status.fail"
	case protocol.FindingSkip:
	}
	return "admin.check.status.skip"
}

// checkWord is what a check of an agent is called, by the id that never changes.
func checkWord(id string) string {
	return map[string]string{ //nolint:gosec // G101: names of messages, no credentials
		"state_folder":      "admin.check.state_folder",
		"key":               "admin.check.key",
		"clock":             "admin.check.clock",
		"portal":            "admin.check.portal",
		"relay":             "admin.check.relay",
		"credential":        "admin.check.credential",
		"configuration":     "admin.check.configuration",
		"controllers":       "admin.check.controllers",
		"certificates":      "admin.check.certificates",
		"password_policy":   "admin.check.password_policy",
		"minimum_age":       "admin.check.minimum_age",
		"history_on_reset":  "admin.check.history_on_reset",
		"service_account":   "admin.check.service_account",
		"unexpire_password": "admin.check.unexpire_password",
		"policies":          "admin.check.policies",
		"changes":           "admin.check.changes",
		"deleted_objects":   "admin.check.deleted_objects",
		"too_much":          "admin.check.too_much",
		"protected":         "admin.check.protected",
		"cannot_change":     "admin.check.cannot_change",
	}[id]
}

// rightFor is what a right is needed for, by the name that Active Directory's tools give it, or by its check.
func rightFor(name string) string {
	return map[string]string{
		"Reset Password":              "admin.check.for.reset",
		"Write lockoutTime":           "admin.check.for.unlock",
		"Write pwdLastSet":            "admin.check.for.force",
		"Write mS-DS-ConsistencyGuid": "admin.check.for.anchor",
		"Read the account":            "admin.check.for.read",
		"unexpire_password":           "admin.check.for.unexpire",
		"policies":                    "admin.check.for.rules",
		"changes":                     "admin.check.for.changes",
		"deleted_objects":             "admin.check.for.deletions",
	}[name]
}

// faultWord is why rights aren't there.
func faultWord(cause string) string {
	return map[string]string{
		"not_granted":     "admin.check.cause.not_granted",
		"inheritance_off": "admin.check.cause.inheritance_off",
		"person_cut_off":  "admin.check.cause.person_cut_off",
		"person_denied":   "admin.check.cause.person_denied",
		"denied":          "admin.check.cause.denied",
		"not_reached":     "admin.check.cause.not_reached",
		"conditional":     "admin.check.cause.conditional",
		"unreadable":      "admin.check.cause.unreadable",
	}[cause]
}
