package admin_test

import (
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/report"
)

// writes are what the agents of the mock have written.
func writes() []report.Written {
	return []report.Written{
		{Agent: "U1", Operation: protocol.Reset, N: 20},
		{Agent: "U1", Operation: protocol.Change, N: 6},
		{Agent: "U1", Operation: protocol.Unlock, N: 11},
		{Agent: "U2", Operation: protocol.Reset, N: 21},
	}
}

// checkups are what the agents of the mock say of themselves: one that has something to mend, one that is at it, one that never did.
func checkups() []fleet.Checkup {
	const domain = "corp.contoso.test"
	finding := func(section, check string, status protocol.FindingStatus, text string) protocol.CheckupFinding {
		f := protocol.CheckupFinding{Section: section, Check: check, Status: status, Text: text}
		if section == protocol.SectionDirectory || section == protocol.SectionRights {
			f.Domain = domain
		}
		return f
	}
	account := finding(protocol.SectionRights, "service_account", protocol.FindingOK, "")
	account.Count, account.Units = 1248, 38
	everybody := finding(protocol.SectionRights, "on_everybody", protocol.FindingOK, "")
	everybody.Rights = []string{"Write lockoutTime", "Write pwdLastSet", "Read the account"}
	missing := finding(protocol.SectionRights, "rights", protocol.FindingFail, "")
	missing.Rights, missing.Cause, missing.Where, missing.Count = []string{"Reset Password"}, "inheritance_off", "OU=Sales,DC=corp,DC=contoso,DC=test", 214
	missing.Fix = []protocol.CheckupRemedy{{What: "Or grant it on that OU", Commands: []protocol.CheckupCommand{
		{Where: "Windows, Command Prompt on a domain controller", Line: `dsacls "OU=Sales,DC=corp,DC=contoso,DC=test" /I:S /G "CORP\gmsa-homeward$:CA;Reset Password;user"`},
		{Where: "Samba, on a domain controller", Line: `samba-tool dsacl set --objectdn="OU=Sales,DC=corp,DC=contoso,DC=test" --sddl="(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1-2-3-1104)"`},
	}}}
	expiry := finding(protocol.SectionRights, "unexpire_password", protocol.FindingWarn, "missing on the domain head: “must change at next sign-in” can’t be taken back")
	one := fleet.Checkup{Heard: ago(3 * time.Second), Trip: 18 * time.Millisecond, Clock: 200 * time.Millisecond}
	one.System, one.Started, one.KeyDue = "Windows Server 2022", protocol.MilliOf(ago(12*24*time.Hour)), protocol.MilliOf(ago(-139*24*time.Hour))
	one.Domains = []protocol.CheckupDomain{{Name: domain, Account: `CORP\gmsa-homeward$`, Security: "ldaps", Site: "Stockholm-HQ", Controllers: []protocol.CheckupController{
		{Host: "dc01.corp.contoso.test", OK: true, Micros: 4000}, {Host: "dc02.corp.contoso.test", OK: true, Micros: 5000}, {Host: "dc03.corp.contoso.test", Reason: protocol.ReasonDirectoryDown},
	}}}
	two := one
	one.Ended = protocol.MilliOf(ago(2 * time.Minute))
	one.Findings = []protocol.CheckupFinding{
		finding(protocol.SectionMachine, "state_folder", protocol.FindingOK, "/var/lib/homeward-agent, its keys for the agent only"),
		finding(protocol.SectionMachine, "clock", protocol.FindingOK, "less than 2 s from the portal (limit 30 s)"),
		finding(protocol.SectionCloud, "portal", protocol.FindingOK, "https://password.contoso.com, TLS 1.3, 18 ms, certificate ends in 74 days"),
		finding(protocol.SectionDirectory, "controllers", protocol.FindingOK, "dc01.corp.contoso.test 4 ms, dc02.corp.contoso.test 5 ms, LDAPS"),
		finding(protocol.SectionDirectory, "minimum_age", protocol.FindingWarn, "1 day: a second reset within it is refused"),
		finding(protocol.SectionDirectory, "history_on_reset", protocol.FindingSkip, "not checked, because of controllers"),
		account, missing, everybody, expiry, finding(protocol.SectionRights, "policies", protocol.FindingOK, "fine-grained policies can be read"),
		finding(protocol.SectionRights, "protected", protocol.FindingNote, "3 people with adminCount=1: never written, as it should be"),
	}
	one.More = 2
	two.Running, two.Going, two.Done, two.Of = protocol.MilliOf(ago(2*time.Second)), true, 4, 12
	two.Clock = -95 * time.Second
	return []fleet.Checkup{one, two, {}}
}
