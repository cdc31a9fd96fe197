package licence_test

import (
	"strings"
	"testing"

	"homeward/internal/server/licence"
	"homeward/internal/server/tenant"
)

func TestCatalogue(t *testing.T) {
	all, err := licence.Catalogue()
	if err != nil || len(all) < 150 {
		t.Fatalf("%d products, %v", len(all), err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		if s.Part == "" || s.Name == "" || len(s.GUID) != 36 || seen[s.Part] {
			t.Errorf("product %+v", s)
		}
		seen[s.Part] = true
	}
}

// TestNamingTraps: the names that mislead, from Microsoft's service-plan list.
func TestNamingTraps(t *testing.T) {
	for part, want := range map[string]bool{
		"SPE_E3": true, "SPE_E5": true, "SPB": true, "SPE_F1": true, "M365_F1": true, "EMS": true, "EMSPREMIUM": true, "AAD_PREMIUM": true, "AAD_PREMIUM_P2": true,
		"STANDARDPACK": false, "ENTERPRISEPACK": false, "ENTERPRISEPREMIUM": false, "DESKLESSPACK": false,
		"O365_BUSINESS_PREMIUM": false, "SMB_BUSINESS_PREMIUM": false, "O365_BUSINESS_ESSENTIALS": false, "AAD_BASIC": false,
	} {
		s, err := licence.Find(strings.ToLower(part))
		if err != nil || s.Writeback() != want {
			t.Errorf("%s (%s): writeback %v, want %v; %v", part, s.Name, s.Writeback(), want, err)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings tenant.Settings
		allowed  bool
		why      string
	}{
		{"no licences needed", tenant.Settings{}, true, ""},
		{"needed, none", tenant.Settings{LicencesNeeded: true}, false, "No licence is on record"},
		{"needed, one that lacks it", tenant.Settings{LicencesNeeded: true, Licences: []string{"ENTERPRISEPACK"}}, false, "Office 365 E3 does not include"},
		{"needed, one of two", tenant.Settings{LicencesNeeded: true, Licences: []string{"ENTERPRISEPACK", "EMS"}}, true, ""},
		{"one that nobody knows any more", tenant.Settings{LicencesNeeded: true, Licences: []string{"GONE"}}, false, "No licence"},
	} {
		v := licence.Judge(tt.settings)
		if v.Allowed != tt.allowed || !strings.Contains(v.Why, tt.why) || tt.allowed != (v.Why == "") {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestFindSaysWhatIsClose(t *testing.T) {
	if _, err := licence.Find("365 E3"); err == nil || !strings.Contains(err.Error(), "close are") {
		t.Errorf("got %v", err)
	}
	if _, err := licence.Find(""); err == nil {
		t.Error("an empty name is a product")
	}
}
