package admin

// What a code that comes from elsewhere is called: the id of its message, or nothing for a code without words of its own.
// The ids stand here in full, so that a test can find one that nobody wrote down.

// causeWords are the messages of one reason.
type causeWords struct{ name, says, next string }

func wordsOfCause(id string) causeWords {
	return map[string]causeWords{
		"none":          {"admin.cause.none", "admin.cause.none.says", "admin.cause.none.next"},
		"offline":       {"admin.cause.offline", "admin.cause.offline.says", "admin.cause.offline.next"},
		"never":         {"admin.cause.never", "admin.cause.never.says", "admin.cause.never.next"},
		"moved":         {"admin.cause.moved", "admin.cause.moved.says", "admin.cause.moved.next"},
		"outdated":      {"admin.cause.outdated", "admin.cause.outdated.says", "admin.cause.outdated.next"},
		"draining":      {"admin.cause.draining", "admin.cause.draining.says", "admin.cause.draining.next"},
		"rights":        {"admin.cause.rights", "admin.cause.rights.says", "admin.cause.rights.next"},
		"account":       {"admin.cause.account", "admin.cause.account.says", "admin.cause.account.next"},
		"licence":       {"admin.cause.licence", "admin.cause.licence.says", "admin.cause.licence.next"},
		"hints":         {"admin.cause.hints", "admin.cause.hints.says", "admin.cause.hints.next"},
		"encrypted":     {"admin.cause.encrypted", "admin.cause.encrypted.says", "admin.cause.encrypted.next"},
		"readonly":      {"admin.cause.readonly", "admin.cause.readonly.says", "admin.cause.readonly.next"},
		"unreachable":   {"admin.cause.unreachable", "admin.cause.unreachable.says", "admin.cause.unreachable.next"},
		"cloned":        {"admin.cause.cloned", "admin.cause.cloned.says", "admin.cause.cloned.next"},
		"away":          {"admin.cause.away", "admin.cause.away.says", "admin.cause.away.next"},
		"test":          {"admin.cause.test", "admin.cause.test.says", "admin.cause.test.next"},
		"connect":       {"admin.cause.connect", "admin.cause.connect.says", "admin.cause.connect.next"},
		"turned_off":    {"admin.cause.turned_off", "admin.cause.turned_off.says", "admin.cause.turned_off.next"},
		"behind_first":  {"admin.cause.behind", "admin.cause.behind.first", "admin.cause.behind.next"},
		"behind_second": {"admin.cause.behind", "admin.cause.behind.second", "admin.cause.behind.next"},
	}[id]
}

// sentenceID is a sentence of the status.
func sentenceID(code string) string {
	return map[string]string{
		"off_there":  "admin.status.off_there",
		"broken":     "admin.status.broken",
		"off":        "admin.status.off",
		"outdated":   "admin.status.outdated",
		"relay":      "admin.status.relay",
		"silent":     "admin.status.silent",
		"unchecked":  "admin.status.unchecked",
		"unlicensed": "admin.status.unlicensed",
		"unset":      "admin.status.unset",
		"working":    "admin.status.working",
	}[code]
}

// agentWord is the state of an agent.
func agentWord(code string) string {
	return map[string]string{
		"ready":     "admin.agent.ready",
		"draining":  "admin.agent.draining",
		"offline":   "admin.agent.offline",
		"silent":    "admin.agent.silent",
		"outdated":  "admin.agent.outdated",
		"directory": "admin.agent.directory",
		"revoked":   "admin.agent.revoked",
	}[code]
}

// reasonWord is why something was refused or failed.
//
//nolint:funlen // one table
func reasonWord(code string) string {
	return map[string]string{
		"account_expired":      "admin.reason.account_expired",
		"agent_cloned":         "admin.reason.agent_cloned",
		"agent_lost":           "admin.reason.agent_lost",
		"agent_moved":          "admin.reason.agent_moved",
		"agent_outdated":       "admin.reason.agent_outdated",
		"ambiguous":            "admin.reason.ambiguous",
		"cannot_change":        "admin.reason.cannot_change",
		"contains_name":        "admin.reason.contains_name",
		"directory_down":       "admin.reason.directory_down",
		"disabled":             "admin.reason.disabled",
		"filter":               "admin.reason.filter",
		"locked":               "admin.reason.locked",
		"no_agent":             "admin.reason.no_agent",
		"not_in_scope":         "admin.reason.not_in_scope",
		"not_licensed":         "admin.reason.not_licensed",
		"not_registered":       "admin.reason.not_registered",
		"not_found":            "admin.reason.not_found",
		"protected":            "admin.reason.protected",
		"rights":               "admin.reason.rights",
		"self_service_stopped": "admin.reason.self_service_stopped",
		"service_account":      "admin.reason.service_account",
		"timed_out":            "admin.reason.timed_out",
		"timeout":              "admin.reason.timeout",
		"too_many":             "admin.reason.too_many",
		"agent_state":          "admin.reason.agent_state",
		"bad_signature":        "admin.reason.bad_signature",
		"banned":               "admin.reason.banned",
		"copied_passkey":       "admin.reason.copied_passkey",
		"directory_busy":       "admin.reason.directory_busy",
		"directory_error":      "admin.reason.directory_error",
		"expired":              "admin.reason.expired",
		"internal":             "admin.reason.internal",
		"last_try":             "admin.reason.last_try",
		"malformed":            "admin.reason.malformed",
		"never_arrived":        "admin.reason.never_arrived",
		"no_policy_hints":      "admin.reason.no_policy_hints",
		"no_second_factor":     "admin.reason.no_second_factor",
		"none":                 "admin.reason.no_code",
		"not_encrypted":        "admin.reason.not_encrypted",
		"not_written":          "admin.reason.not_written",
		"overloaded":           "admin.reason.overloaded",
		"read_only":            "admin.reason.read_only",
		"referral":             "admin.reason.referral",
		"replayed":             "admin.reason.replayed",
		"replication":          "admin.reason.replication",
		"rule_unknown":         "admin.reason.rule_unknown",
		"seal":                 "admin.reason.seal",
		"too_long":             "admin.reason.too_long",
		"too_many_codes":       "admin.reason.too_many_codes",
		"too_short":            "admin.reason.too_short",
		"too_simple":           "admin.reason.too_simple",
		"too_young":            "admin.reason.too_young",
		"turned_off":           "admin.reason.turned_off",
		"under_way":            "admin.reason.under_way",
		"unknown_name":         "admin.reason.unknown_name",
		"used_before":          "admin.reason.used_before",
		"wrong_code":           "admin.reason.wrong_code",
		"wrong_password":       "admin.reason.wrong_password",
		"unknown_key":          "admin.reason.unknown_key",
		"version":              "admin.reason.version",
		"wrong":                "admin.reason.wrong_code",
		"wrong_passkey":        "admin.reason.wrong_passkey",
		"wrong_tenant":         "admin.reason.wrong_tenant",
		"administrator":        "admin.bar.administrator",
		"cloud":                "admin.bar.cloud",
		"match":                "admin.bar.match",
		"own":                  "admin.bar.own",
		"role":                 "admin.bar.role",
	}[code]
}

// resultWord is what something came to.
func resultWord(code string) string {
	return map[string]string{
		"changed":           "admin.result.changed",
		"failed":            "admin.result.failed",
		"nobody to send to": "admin.result.nobody",
		"not_sure":          "admin.result.not_sure",
		"ok":                "admin.result.ok",
		"refused":           "admin.result.refused",
		"unknown":           "admin.result.unknown",
	}[code]
}

// hopWord is one stop of the way, or one step of an agent's work.
func hopWord(code string) string {
	return map[string]string{
		"accepted":                    "admin.hop.accepted",
		"agent":                       "admin.hop.agent",
		"contradiction":               "admin.hop.contradiction",
		"directory":                   "admin.hop.directory",
		"must change":                 "admin.hop.must_change",
		"must change at next sign-in": "admin.hop.must_change",
		"notify":                      "admin.hop.notify",
		"opened":                      "admin.hop.opened",
		"operator":                    "admin.hop.operator",
		"portal":                      "admin.hop.portal",
		"proven":                      "admin.hop.proven",
		"read":                        "admin.hop.read",
		"recovered":                   "admin.hop.recovered",
		"relay":                       "admin.hop.relay",
		"result":                      "admin.hop.result",
		"sync":                        "admin.hop.sync",
		"verify":                      "admin.hop.verify",
		"written":                     "admin.hop.written",
	}[code]
}

// spanWord is a span of time.
func spanWord(code string) string {
	return map[string]string{
		"all":   "admin.audit.when.all",
		"hour":  "admin.audit.when.hour",
		"month": "admin.audit.when.month",
		"today": "admin.audit.when.today",
		"week":  "admin.audit.when.week",
	}[code]
}

// messageTitle is the heading of a plain page.
func messageTitle(k kind) string {
	return map[kind]string{
		notFound:     "admin.message.not_found.title",
		tooMany:      "admin.message.too_many.title",
		broken:       "admin.message.broken.title",
		forbidden:    "admin.message.forbidden.title",
		linkOver:     "admin.message.link_over.title",
		usedUp:       "admin.message.used.title",
		stale:        "admin.message.stale.title",
		providerAway: "admin.message.provider_away.title",
		providerNo:   "admin.message.provider_no.title",
		stranger:     "admin.message.stranger.title",
		noFactor:     "admin.message.no_factor.title",
		taken:        "admin.message.taken.title",
		barred:       "admin.message.forbidden.title",
	}[k]
}

// messageText is what a plain page says.
func messageText(k kind) string {
	return map[kind]string{
		notFound:     "admin.message.not_found.text",
		tooMany:      "admin.message.too_many.text",
		broken:       "admin.message.broken.text",
		forbidden:    "admin.message.forbidden.text",
		linkOver:     "admin.message.link_over.text",
		usedUp:       "admin.message.used.text",
		stale:        "admin.message.stale.text",
		providerAway: "admin.message.provider_away.text",
		providerNo:   "admin.message.provider_no.text",
		stranger:     "admin.message.stranger.text",
		noFactor:     "admin.message.no_factor.text",
		taken:        "admin.message.taken.text",
	}[k]
}
