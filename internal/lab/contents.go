package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// contents is who is in a provisioned domain: kept beside it, because nobody else knows the passwords.
type contents struct {
	Created       time.Time
	Domain        Domain
	Backend       Backend
	Host          string // short name
	Address       string // that the DNS records have
	Administrator Account
	Service       Account
	People        []Person
}

const contentsFile = "lab.json"

func readContents(dir string) (*contents, error) {
	b, err := os.ReadFile(filepath.Join(dir, contentsFile))
	if err != nil {
		return nil, err
	}
	var c contents
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("reading %s: %w", contentsFile, err)
	}
	return &c, nil
}

func (c *contents) write(dir string) error {
	b, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return fmt.Errorf("writing %s: %w", contentsFile, err)
	}
	return os.WriteFile(filepath.Join(dir, contentsFile), b, 0o600)
}

// The requests of recipe/provision.py.
type (
	provisionRequest struct {
		Realm         string        `json:"realm"`
		NetBIOS       string        `json:"netbios"`
		Host          string        `json:"host"`
		BackendStore  string        `json:"backend_store"`
		BackendSize   string        `json:"backend_store_size"`
		Address       string        `json:"address"`
		AdminPassword string        `json:"admin_password"`
		UPNSuffix     string        `json:"upn_suffix"`
		Policy        policySpec    `json:"policy"`
		OUs           []string      `json:"ous"`
		Service       accountSpec   `json:"service"`
		People        []accountSpec `json:"people"`
		PSOs          []psoSpec     `json:"psos"`
		Grants        []grantSpec   `json:"grants"`
	}
	policySpec struct {
		MinLength        int `json:"min_length"`
		History          int `json:"history"`
		MinAgeMinutes    int `json:"min_age_minutes"`
		MaxAgeDays       int `json:"max_age_days"`
		LockoutThreshold int `json:"lockout_threshold"`
		LockoutMinutes   int `json:"lockout_minutes"`
	}
	psoSpec struct {
		policySpec
		Name      string   `json:"name"`
		AppliesTo []string `json:"applies_to"`
	}
	grantSpec struct {
		DN   string   `json:"dn"`
		ACEs []string `json:"aces"`
	}
	accountSpec struct {
		DN              string `json:"dn"`
		SAM             string `json:"sAMAccountName"`
		UPN             string `json:"userPrincipalName"`
		DisplayName     string `json:"displayName"`
		GivenName       string `json:"givenName"`
		Surname         string `json:"sn"`
		Mail            string `json:"mail"`
		UAC             int    `json:"uac"`
		Password        string `json:"password"`
		PasswordAgeDays int    `json:"password_age_days"`
		MustChange      bool   `json:"must_change"`
		Protected       bool   `json:"protected"`
		InheritanceCut  bool   `json:"inheritance_cut"`
	}
)

// lockoutThreshold is how many wrong passwords lock an account.
const lockoutThreshold = 5

// labPolicy is strict where Homeward has to show that the DC decides, with ages a demo can wait for.
func labPolicy() policySpec {
	return policySpec{
		MinLength: 12, History: 24, MinAgeMinutes: 2, MaxAgeDays: 90,
		LockoutThreshold: lockoutThreshold, LockoutMinutes: 10,
	}
}

// hostName is the short name of the n-th DC of a domain.
func hostName(n int) string { return "dc" + strconv.Itoa(n) }

// provisionAddress stands in the DNS records of a template; settle replaces it by the DC's own address.
const provisionAddress = "127.0.0.2"

func newContents(domain Domain, backend Backend, sample bool) *contents {
	c := &contents{
		Created: time.Now(), Domain: domain, Backend: backend, Host: hostName(1), Address: provisionAddress,
		Administrator: Account{
			DN: "CN=Administrator,CN=Users," + domain.BaseDN(), UPN: "Administrator@" + domain.DNS,
			SAM: "Administrator", Password: RandomPassword(),
		},
		Service: Account{
			DN: "CN=svc-homeward,CN=Users," + domain.BaseDN(), UPN: "svc-homeward@" + domain.DNS,
			SAM: "svc-homeward", Password: RandomPassword(),
		},
	}
	if sample {
		c.People = samplePeople(domain)
	}
	return c
}

func (c *contents) request() provisionRequest {
	req := provisionRequest{
		Realm: c.Domain.Realm(), NetBIOS: c.Domain.NetBIOS, Host: c.Host, Address: c.Address,
		BackendStore: c.Backend.store(), BackendSize: backendSize,
		AdminPassword: c.Administrator.Password, UPNSuffix: c.Domain.UPNSuffix, Policy: labPolicy(),
		OUs: c.Domain.organizationalUnits(), Grants: c.Domain.grants(), People: []accountSpec{}, PSOs: []psoSpec{},
		Service: accountSpec{
			DN: c.Service.DN, SAM: c.Service.SAM, UPN: c.Service.UPN, Password: c.Service.Password,
			DisplayName: "Homeward agent", UAC: uacNormalAccount | uacNeverExpires, PasswordAgeDays: ordinaryAgeDays,
		},
	}
	pso := psoSpec{policySpec: labPolicy(), Name: "Finance and legal", AppliesTo: []string{}}
	pso.MinLength = 16
	for _, p := range c.People {
		req.People = append(req.People, p.spec())
		if p.Kind == KindFineGrained {
			pso.AppliesTo = append(pso.AppliesTo, p.DN)
		}
	}
	if len(pso.AppliesTo) > 0 {
		req.PSOs = append(req.PSOs, pso)
	}
	return req
}

func (p Person) spec() accountSpec {
	given, family, _ := strings.Cut(p.DisplayName, " ")
	a := accountSpec{
		DN: p.DN, SAM: p.SAM, UPN: p.UPN, DisplayName: p.DisplayName, GivenName: given, Surname: family,
		Mail:     p.Mail,
		Password: p.Password, UAC: uacNormalAccount, PasswordAgeDays: ordinaryAgeDays,
		MustChange: p.Kind == KindMustChange, Protected: p.Kind == KindProtected,
		InheritanceCut: p.Kind == KindInheritanceCut,
	}
	switch p.Kind {
	case KindDisabled:
		a.UAC |= uacDisabled
	case KindNeverExpires:
		a.UAC |= uacNeverExpires
		a.PasswordAgeDays = expiredAgeDays
	case KindExpired:
		a.PasswordAgeDays = expiredAgeDays
	}
	return a
}

// Rights of the service account in SDDL, on users below an OU ($S is its SID): the extended right Reset
// Password, and writing lockoutTime, pwdLastSet and mS-DS-ConsistencyGuid.
const (
	userClass        = "bf967aba-0de6-11d0-a285-00aa003049e2"
	ACEResetPassword = "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;" + userClass + ";$S)"
	ACEUnlock        = "(OA;CIIO;WP;28630ebf-41d5-11d1-a9c1-0000f80367c1;" + userClass + ";$S)"
	ACEMustChange    = "(OA;CIIO;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;" + userClass + ";$S)"
	ACESourceAnchor  = "(OA;CIIO;WP;23773dc2-b63a-11d2-90e1-00c04fd91ab1;" + userClass + ";$S)"
	ACEReadPSOs      = "(A;CI;LCRPLORC;;;$S)" // on the Password Settings Container

	// For sync: Replicating Directory Changes, on the domain, without which DirSync is refused; and seeing what was
	// deleted, on Deleted Objects.
	ACEReplicate   = "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;$S)"
	ACESeeDeleted  = "(A;;LCRP;;;$S)"
	deletedObjects = "CN=Deleted Objects,"
)

// grants are all rights of the service account: four per OU, reading the PSOs, and two for sync.
func (d Domain) grants() []grantSpec {
	all := []grantSpec{
		{DN: "CN=Password Settings Container,CN=System," + d.BaseDN(), ACEs: []string{ACEReadPSOs}},
		{DN: d.BaseDN(), ACEs: []string{ACEReplicate}},
		{DN: deletedObjects + d.BaseDN(), ACEs: []string{ACESeeDeleted}},
	}
	for _, ou := range d.organizationalUnits() {
		all = append(all, grantSpec{DN: ou, ACEs: []string{ACEResetPassword, ACEUnlock, ACEMustChange, ACESourceAnchor}})
	}
	return all
}
