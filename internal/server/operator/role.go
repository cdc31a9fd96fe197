package operator

import (
	"fmt"
	"slices"
	"strings"
)

// Role says what an operator may do. The names are the field's.
type Role string

// Roles.
const (
	GlobalAdministrator               Role = "Global Administrator"
	HybridIdentityAdministrator       Role = "Hybrid Identity Administrator"
	AuthenticationPolicyAdministrator Role = "Authentication Policy Administrator"
	UserAdministrator                 Role = "User Administrator"
	HelpdeskAdministrator             Role = "Helpdesk Administrator"
	ReportsReader                     Role = "Reports Reader"
)

// Roles lists every role, the widest first.
func Roles() []Role {
	return []Role{
		GlobalAdministrator, HybridIdentityAdministrator, AuthenticationPolicyAdministrator,
		UserAdministrator, HelpdeskAdministrator, ReportsReader,
	}
}

// ParseRole reads a role's name, in any case, with spaces or hyphens.
func ParseRole(name string) (Role, error) {
	plain := strings.ReplaceAll(strings.TrimSpace(name), "-", " ")
	for _, r := range Roles() {
		if strings.EqualFold(plain, string(r)) {
			return r, nil
		}
	}
	var all []string
	for _, r := range Roles() {
		all = append(all, r.Slug())
	}
	return "", fmt.Errorf("there is no role %q; there is %s", name, strings.Join(all, ", "))
}

// Slug is the role's name as it is typed on a command line.
func (r Role) Slug() string { return strings.ReplaceAll(strings.ToLower(string(r)), " ", "-") }

// Permission is one thing that can be allowed.
type Permission string

// Permissions. Public needs no sign-in at all; Account is what everybody may who has signed in.
const (
	Public            Permission = "no sign-in"
	Account           Permission = "own account"
	ReadOverview      Permission = "see the overview"
	TestWrite         Permission = "run a test write"
	ReadIntegration   Permission = "see on-premises integration"
	ChangeIntegration Permission = "turn writeback and unlocking on and off"
	ReadAgents        Permission = "see the agents"
	ChangeAgents      Permission = "add, drain, resume, move and cut off agents"
	ReadAudit         Permission = "read the audit log"
	ReadReports       Permission = "read the reports"
	ReadSync          Permission = "see how sync is and what waits for a decision"
	ChangeSync        Permission = "sync now, ask for a preview, decide about conflicts and deletions"

	ReadUsers          Permission = "find people and see how they stand"
	HelpUsers          Permission = "verify a caller and give out a helpdesk pass"
	ResetUsers         Permission = "unlock accounts and reset passwords"
	HelpAdministrators Permission = "help people who are administrators"
	ReadSettings       Permission = "see who may reset, methods, registration, notifications and customization"
	ChangeSettings     Permission = "change who may reset, methods, registration, notifications and customization"
	ReadLicences       Permission = "see licences"
	AssignLicences     Permission = "give licences to people and groups"
	ChangeLicences     Permission = "say whether licences are needed and which there are"
	ChangeOperators    Permission = "see and change who administers"
)

// Permissions lists what a role can be given.
func Permissions() []Permission {
	return []Permission{
		Account, ReadOverview, TestWrite, ReadIntegration, ChangeIntegration, ReadAgents, ChangeAgents, ReadAudit, ReadReports, ReadSync, ChangeSync,
		ReadUsers, HelpUsers, ResetUsers, HelpAdministrators,
		ReadSettings, ChangeSettings, ReadLicences, AssignLicences, ChangeLicences, ChangeOperators,
	}
}

// granted is the one table of who may do what. A Helpdesk Administrator reads no audit log: it tells of everybody, and
// helpdesk operators see the people of their scope only, each with their own entries.
func granted(p Permission) []Role {
	switch p {
	case Account, ReadOverview:
		return Roles()
	case TestWrite, ChangeAgents, ChangeSync:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator}
	case ReadAgents:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator, AuthenticationPolicyAdministrator}
	case ReadIntegration, ReadSettings:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator, AuthenticationPolicyAdministrator}
	case ChangeIntegration, ChangeSettings:
		return []Role{GlobalAdministrator, AuthenticationPolicyAdministrator}
	case ReadUsers:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator, UserAdministrator, HelpdeskAdministrator}
	case HelpUsers, ResetUsers:
		return []Role{GlobalAdministrator, UserAdministrator, HelpdeskAdministrator}
	case HelpAdministrators:
		return []Role{GlobalAdministrator}
	case ReadLicences:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator, AuthenticationPolicyAdministrator, UserAdministrator}
	case AssignLicences:
		return []Role{GlobalAdministrator, UserAdministrator}
	case ChangeLicences, ChangeOperators:
		return []Role{GlobalAdministrator}
	case ReadAudit, ReadReports, ReadSync:
		return []Role{GlobalAdministrator, HybridIdentityAdministrator, AuthenticationPolicyAdministrator, UserAdministrator, ReportsReader}
	}
	return nil
}

// May reports whether the role has a permission. What needs no sign-in is open to every role.
func (r Role) May(p Permission) bool { return p == Public || slices.Contains(granted(p), r) }
