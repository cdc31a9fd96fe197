package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSync(t *testing.T) {
	c, err := LoadAgent(write(t, smallAgent), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Directories[0].Sync; !s.On() || !s.WritesAnchor() {
		t.Errorf("without the key: %+v", s)
	}
	no := false
	for text, want := range map[string]Sync{
		"sync: {}":          {},
		"sync: {mode: off}": {Mode: SyncOff},
		"sync: {mode: staging, pilot_group: 'CN=P,DC=a', exclude: ['OU=B,OU=A'], sign_in_name: mail, source_anchor: objectGUID, write_anchor: false, poll: 5s, sweep: 1h}": {
			Mode: SyncStaging, PilotGroup: "CN=P,DC=a", Exclude: []string{"OU=B,OU=A"}, SignInName: "mail", SourceAnchor: "objectGUID",
			WriteAnchor: &no, Poll: 5 * time.Second, Sweep: time.Hour,
		},
		"sync: {attributes: {jobTitle: description, mobilePhone: ''}, suffixes: {corp.contoso.test: contoso.com}}": {
			Attributes: map[string]string{"jobTitle": "description", "mobilePhone": ""}, Suffixes: map[string]string{"corp.contoso.test": "contoso.com"},
		},
	} {
		c, err := LoadAgent(write(t, strings.Replace(smallAgent, "OU=A]}", "OU=A], "+text+"}", 1)), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, c.Directories[0].Sync); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestSyncRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"mode: maybe":                   `directories[0].sync.mode is "maybe"`,
		"mode: true":                    "directories[0].sync.mode",
		"sign_in_name: cn":              "userPrincipalName or mail",
		"source_anchor: uid":            "ms-DS-ConsistencyGuid or objectGUID",
		"pilot_group: Pilot":            "name a DN",
		"exclude: [Sales]":              "name a DN",
		"attributes: {jobtitle: title}": `did you mean "jobTitle"?`,
		"suffixes: {'@a.example': b}":   "without the @",
		"poll: 1ms":                     "500ms to 1m",
		"sweep: 1s":                     "at least 1m",
		"pilot: x":                      `unknown key "sync.pilot"; did you mean "sync.p`,
		"write_anchor: sometimes":       "write_anchor",
	} {
		_, err := LoadAgent(write(t, strings.Replace(smallAgent, "OU=A]}", "OU=A], sync: {"+text+"}}", 1)), nil)
		wants(t, err, want)
	}
	_, err := LoadAgent(write(t, strings.Replace(smallAgent, "OU=A]}", "OU=A], sync: on}", 1)), nil)
	wants(t, err, "sync")
}
