package protocol

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
)

// samplesOfTwo holds one of each message of version 2, every field set.
func samplesOfTwo() []any {
	at := MilliOf(time.UnixMilli(1_790_000_000_000))
	mark := Mark{DC: "dc1.corp.contoso.test", Invocation: "000102030405060708090a0b0c0d0e0f", Account: "101112131415161718191a1b1c1d1e1f", Version: 7, PasswordSet: at, Locked: true, At: at}
	test := TestResult{Version: 2, Request: "00ff", Domain: "corp.contoso.test", Outcome: Failed, Reason: ReasonRights, Detail: "detail", Micros: 26000, At: at}
	var out []any
	for _, m := range samples() {
		switch m := m.(type) {
		case Accepted:
			m.Version, m.Mark = 2, &mark
			result := *m.Result
			result.Version, result.Operation, result.MustChange = 2, AdminReset, MustChangeRefused
			m.Result = &result
			out = append(out, m, result)
		case Result: // with Accepted
		case PersonPolicy:
			tries := 2
			m.Version, m.Domain, m.MustChange, m.Expired, m.NeverExpires, m.CannotChange, m.ExpiresAt, m.TriesLeft, m.Mark = 2, "corp.contoso.test", true, true, true, true, at, &tries, &mark
			out = append(out, m)
		case Hello:
			m.Version, m.CommandKey = 2, "0304"
			m.Domains = []Domain{{Name: "corp.contoso.test", NetBIOS: "CONTOSO", Directory: m.Directory, Test: &test, Testable: true}}
			out = append(out, m)
		case HelloAnswer:
			m.Version, m.CommandKeys = 2, []KeyLink{{Key: []byte{5}, Signature: []byte{6}}}
			out = append(out, m)
		case Beat:
			m.Version, m.CommandKey = 2, "0304"
			m.Domains = []Domain{{Name: "corp.contoso.test", NetBIOS: "CONTOSO", Directory: m.Directory, Test: &test, Testable: true}}
			out = append(out, m)
		default:
			out = append(out, withVersion(m, 2))
		}
	}
	return append(out,
		Case{Version: 2, Request: "00ff", Agent: "UAGENT", Operation: AdminReset, Anchor: "0102030405060708090a0b0c0d0e0f10", Mark: mark, NotBefore: at, Expires: at},
		TestRequest{Version: 2, Domain: "corp.contoso.test"}, test,
		KeyOffer{Version: 2, Agent: "UAGENT", SealKey: []byte{7}, KeyID: "0102"},
	)
}

// withVersion returns m with its field Version, if it has one, set.
func withVersion(m any, version int64) any {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	v.Set(reflect.ValueOf(m))
	if f := v.FieldByName("Version"); f.IsValid() {
		f.SetInt(version)
	}
	return v.Interface()
}

// samplesOfThree holds what version 3 added, every field set.
func samplesOfThree() []any {
	at := MilliOf(time.UnixMilli(1_790_000_000_000))
	object := "000102030405060708090a0b0c0d0e0f"
	domain := Domain{
		Name: "corp.contoso.test", NetBIOS: "CONTOSO", Testable: true, SyncOff: true, WritebackOff: true,
		Directory: Directory{OK: true, Reason: ReasonRights, Detail: "detail", DC: "dc1.corp.contoso.test", Since: at},
		Test:      &TestResult{Version: 3, Request: "00ff", Domain: "corp.contoso.test", Outcome: Failed, Reason: ReasonRights, Detail: "detail", Micros: 26000, At: at},
	}
	return []any{
		SyncAsk{
			Version: 3, Agent: "UAGENT", Domain: "corp.contoso.test", NetBIOS: "CONTOSO", Epoch: 2, Scope: "s", Staging: true, Release: true, Restart: true,
			Mode: SyncByDirSync, Lagging: at, Detail: "detail", Unanchored: 1, At: at,
		},
		SyncGrant{
			Version: 3, OK: true, Reason: ReasonSyncHeld, Message: "message", Holder: "srv2", Epoch: 2, Until: at, Run: "run", Seq: 7, Cursor: []byte{1}, At: at,
		},
		SyncBatch{
			Version: 3, Agent: "UAGENT", Domain: "corp.contoso.test", NetBIOS: "CONTOSO", Epoch: 2, Seq: 7, Run: "run", Last: true, Cursor: []byte{1}, Staging: true,
			People: []SyncPerson{{
				Object: object, Anchor: object, DN: "CN=A", SAM: "a", UPN: "a@contoso.com", ADUPN: "a@corp.contoso.test", Mail: "a@mail.example",
				Proxies: []string{"SMTP:a@contoso.com"}, DisplayName: "A B", GivenName: "A", Surname: "B", Mobile: "+46 70", Language: "sv", Disabled: true,
				Protected: true, PasswordSet: at, Created: at, More: map[string]string{"department": "Sales"},
			}},
			Groups: []SyncGroup{{
				Object: object, DN: "CN=G", Name: "G", SAM: "g", Mail: "g@contoso.com", Security: true, Token: "t", Complete: true,
				Added: []string{object}, Removed: []string{object},
			}},
			Gone:   []SyncGone{{Object: object, Why: GoneMoved}},
			Faults: []SyncFault{{Object: object, Name: `CONTOSO\a`, DN: "CN=A", Attribute: "mail", Reason: FaultText, Detail: "detail", Left: true}},
			Read:   SyncRead{Objects: 1, Bytes: 2, Micros: 3, DC: "dc1", Changed: at},
		},
		SyncAck{Version: 3, OK: true, Reason: ReasonSyncOrder, Message: "message", Seq: 8, Until: at, Pending: 3},
		Hello{
			Version: 3, MinVersion: 1, Agent: "UAGENT", Build: "devel", Machine: "srv", KeyID: "0102", Domain: domain.Name, Directory: domain.Directory, At: at,
			Domains: []Domain{domain}, CommandKey: "0304",
		},
		Beat{Version: 3, Agent: "UAGENT", Directory: domain.Directory, Pending: 2, At: at, Domains: []Domain{domain}, CommandKey: "0304"},
		PreviewRequest{Version: 3, Domain: "corp.contoso.test"},
		PreviewBegun{Version: 3, Request: "00ff", Agent: "UAGENT", Domain: "corp.contoso.test", Begun: true, Reason: ReasonOverloaded, At: at},
		PreviewAsk{Version: 3, Agent: "UAGENT", Domain: "corp.contoso.test", After: object, Limit: 200},
		PreviewReport{
			Version: 3, OK: true, Reason: ReasonDomainForeign, Message: "message", Counts: map[string]int{"conflict": 1}, Next: object,
			Rows: []PreviewRow{{
				Verdict: "conflict", Name: `CONTOSO\a`, UPN: "a@contoso.com", Address: "a@mail.example", Other: "b@contoso.com", Reason: "admin_role",
			}},
			Why: map[Reason]string{"admin_role": "why"},
		},
		EnrolRequest{
			Version: 3, Code: "code", Agent: "UAGENT", SealKey: []byte{1}, Machine: "srv", Build: "devel", Domain: "corp.contoso.test", Signature: []byte{2},
			Former: "UFORMER", FormerSignature: []byte{3},
		},
		EnrolAnswer{Version: 3, Tenant: "contoso", TenantName: "Contoso", CommandKey: []byte{3}, JWT: "jwt", Expires: at, RelayPath: "/relay", Replaces: "UFORMER"},
		SetupRequest{Version: 3, Code: "code"},
		SetupAnswer{
			Version: 3, Tenant: "contoso", TenantName: "Contoso", Build: "devel", At: at, Expires: at, Domains: []string{"contoso.com"}, Licensed: true,
			Plans: []string{"Microsoft 365 E3"}, Accounts: 4,
		},
		DeviceRequest{Version: 3, Machine: "srv", Build: "devel"},
		DeviceAnswer{Version: 3, UserCode: "FJ4K-82QP", DeviceCode: "secret", Expires: at, Interval: 2},
		DevicePoll{Version: 3, DeviceCode: "secret"},
		DeviceResult{Version: 3, State: "approved", Code: "code", By: "root", At: at},
		ExpiryRequest{Version: 3, Domain: "corp.contoso.test", People: []string{object}},
		ExpiryAnswer{Version: 3, Request: object, Reason: ReasonDirectoryDown, People: []Expires{{Object: object, At: at}}},
		StatesRequest{Version: 3, Domain: "corp.contoso.test", People: []string{object}},
		StatesAnswer{Version: 3, Request: object, Reason: ReasonDirectoryDown, People: []AccountState{{
			Object: object, Disabled: true, Locked: true, LockedSince: at, EndsAt: at, MustChange: true, Expired: true, ExpiresAt: at,
		}}},
		WhichRequest{Version: 3, Domain: "corp.contoso.test", Standing: StandingLocked},
		WhichAnswer{Version: 3, Request: object, Reason: ReasonDirectoryDown, People: []string{object}, More: true},
		RulesRequest{Version: 3, Domain: "corp.contoso.test"},
		RulesAnswer{
			Version: 3, Request: object, Reason: ReasonDirectoryDown, DC: "dc1.corp.contoso.test", Withheld: true, More: 2, Unseen: true,
			Policies: []PasswordRule{{
				Name: "PSO-Finance", Precedence: 10, AppliesTo: []string{"GG-Finance"}, Linked: 4, MinLength: 16, Complexity: true, History: 24,
				MinAge: 86_400_000, MaxAge: 5_184_000_000, Threshold: 5, Window: 900_000, Lockout: 1_800_000,
			}},
		},
		BannedPart{Version: 3, Digest: "digest", Part: 1, Parts: 2, Words: []string{"contoso"}},
		BannedAnswer{Version: 3, Request: object, Reason: ReasonAgentState, Digest: "digest"},
		CheckupRequest{Version: 3, Begin: true, Known: at},
		CheckupAnswer{
			Version: 3, Request: object, Agent: "UAGENT", Reason: ReasonOverloaded, At: at, System: "Windows Server 2022", Started: at, Proxy: true, KeyDue: at,
			Domains: []CheckupDomain{{
				Name: "corp.contoso.test", Account: `CONTOSO\svc`, Security: "ldaps", Site: "Stockholm-HQ",
				Controllers: []CheckupController{{Host: "dc1.corp.contoso.test", OK: true, ReadOnly: true, Reason: ReasonDirectoryDown, Micros: 4000}},
			}},
			Running: at, Done: 3, Of: 12, Ended: at, Micros: 2_000_000, More: 1,
			Findings: []CheckupFinding{{
				Section: SectionRights, Domain: "corp.contoso.test", Check: "rights", Status: FindingFail, Text: "text", Rights: []string{"Reset Password"},
				Cause: "inheritance_off", Where: "OU=Sales", Count: 214, Units: 38,
				Fix: []CheckupRemedy{{What: "what", Commands: []CheckupCommand{{Where: "where", Line: "dsacls"}}}},
			}},
		},
		RollRequest{Version: 3},
		RollAnswer{Version: 3, Request: object, Agent: "UAGENT", Reason: ReasonOverloaded, KeyID: "0304"},
	}
}

// TestEveryFieldIsInTheGoldens fails when somebody adds a field to a message and not to the samples.
func TestEveryFieldIsInTheGoldens(t *testing.T) {
	three := samplesOfThree()
	newer := map[reflect.Type]bool{} // what version 3 extended is looked at there
	for _, m := range three {
		newer[reflect.TypeOf(m)] = true
	}
	two := slices.DeleteFunc(samplesOfTwo(), func(m any) bool { return newer[reflect.TypeOf(m)] })
	for _, m := range append(two, three...) {
		if missing := unset(reflect.ValueOf(m), reflect.TypeOf(m).Name()); missing != "" {
			t.Errorf("%s is not set in the sample", missing)
		}
	}
}

func unset(v reflect.Value, path string) string {
	if v.IsZero() {
		return path
	}
	switch v.Kind() {
	case reflect.Pointer:
		return unset(v.Elem(), path)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			return unset(v.Index(0), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if missing := unset(v.Field(i), path+"."+v.Type().Field(i).Name); missing != "" {
				return missing
			}
		}
	}
	return ""
}

// What a server sends to agents of version 1 besides envelopes, as those agents decode it: strictly.
type (
	helloAnswerOfOne struct {
		Version int    `json:"v"`
		OK      bool   `json:"ok"`
		Reason  Reason `json:"reason,omitempty"`
		Message string `json:"message,omitempty"`
		At      Milli  `json:"at"`
		Import  bool   `json:"import"`
	}
	ackOfOne struct {
		OK     bool   `json:"ok"`
		Reason Reason `json:"reason,omitempty"`
	}
	renewalOfOne struct {
		OK      bool   `json:"ok"`
		JWT     string `json:"jwt,omitempty"`
		Expires Milli  `json:"expires,omitempty"`
		Reason  Reason `json:"reason,omitempty"`
	}
)

// TestAgentOfVersionOneReadsAServerOfVersionTwo: as long as the server leaves out what is new.
func TestAgentOfVersionOneReadsAServerOfVersionTwo(t *testing.T) {
	at := MilliOf(time.UnixMilli(1_790_000_000_000))
	for _, tt := range []struct {
		sent any
		read any
		ok   bool
	}{
		{HelloAnswer{Version: 2, OK: true, Reason: ReasonVersion, Message: "update", At: at, Import: true}, &helloAnswerOfOne{}, true},
		{HelloAnswer{Version: 2, OK: true, At: at, CommandKeys: []KeyLink{{Key: []byte{1}}}}, &helloAnswerOfOne{}, false},
		{Ack{OK: true, Reason: ReasonInternal}, &ackOfOne{}, true},
		{Renewal{OK: true, JWT: "jwt", Expires: at, Reason: ReasonNotFound}, &renewalOfOne{}, true},
	} {
		b, err := json.Marshal(tt.sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(b, tt.read); (err == nil) != tt.ok {
			t.Errorf("%s: %v", b, err)
		}
	}
}

// Operations of later versions are known as such, so that a server asks no older agent for them.
func TestSince(t *testing.T) {
	later := map[Operation]int{
		Change: 2, AdminReset: 2, Test: 2, Expiry: 3, States: 3, Which: 3, Rules: 3, Banned: 3, Preview: 3, Checkup: 3, Roll: 3,
	}
	for _, op := range Operations() {
		if want := max(1, later[op]); op.Since() != want {
			t.Errorf("%s is of version %d, want %d", op, op.Since(), want)
		}
	}
}

// FuzzDecodeBatch: whatever is read keeps the bounds, and what is written is read back.
func FuzzDecodeBatch(f *testing.F) {
	for _, m := range samplesOfThree() {
		if b, ok := m.(SyncBatch); ok {
			packed, err := EncodeBatch(b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(packed)
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		b, err := DecodeBatch(packed)
		if err != nil {
			return
		}
		again, err := EncodeBatch(b)
		if err != nil {
			return // compresses worse than what it came from
		}
		back, err := DecodeBatch(again)
		if err != nil || len(back.People) != len(b.People) || back.Seq != b.Seq {
			t.Errorf("read back %v", err)
		}
	})
}
