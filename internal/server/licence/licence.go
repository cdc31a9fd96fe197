// Package licence knows which products include password writeback. Its catalogue is embedded: the product names that
// administrators see, the part numbers of their invoices, and whether an enabled service plan of Entra ID P1 or P2 is in
// them, which is what decides. Names decide nothing: Office 365 E3 has no such plan, Microsoft 365 E3 has.
//
// It keeps nothing and asks nobody. A tenant that needs no licences, which is how one begins, is never asked about them.
package licence

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/server/tenant"
)

//go:embed skus.csv
var skus string

// SKU is one product that can be subscribed to.
type SKU struct {
	Part string // part number, such as SPE_E3
	Name string // product name, such as Microsoft 365 E3
	GUID string
	P1   bool // includes the service plan AAD_PREMIUM
	P2   bool // includes the service plan AAD_PREMIUM_P2
}

// Writeback reports whether the product includes password writeback.
func (s SKU) Writeback() bool { return s.P1 || s.P2 }

// Catalogue returns every product, by part number.
func Catalogue() ([]SKU, error) {
	rows, err := csv.NewReader(strings.NewReader(skus)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("licence catalogue: %w", err)
	}
	out := make([]SKU, 0, len(rows))
	for _, r := range rows[1:] {
		if len(r) != 5 {
			return nil, fmt.Errorf("licence catalogue: a row with %d columns", len(r))
		}
		out = append(out, SKU{Part: r[0], Name: r[1], GUID: r[2], P1: r[3] == "true", P2: r[4] == "true"})
	}
	slices.SortFunc(out, func(a, b SKU) int { return strings.Compare(a.Part, b.Part) })
	return out, nil
}

// Find returns the product with a part number, a GUID or a product name, whatever the case.
func Find(text string) (SKU, error) {
	all, err := Catalogue()
	if err != nil {
		return SKU{}, err
	}
	text = strings.TrimSpace(text)
	var like []string
	for _, s := range all {
		if strings.EqualFold(s.Part, text) || strings.EqualFold(s.GUID, text) || strings.EqualFold(s.Name, text) {
			return s, nil
		}
		if text != "" && strings.Contains(strings.ToLower(s.Name), strings.ToLower(text)) {
			like = append(like, s.Part)
		}
	}
	if len(like) > 0 {
		return SKU{}, fmt.Errorf("no product is called %q exactly; close are %s", text, strings.Join(like[:min(len(like), 6)], ", "))
	}
	return SKU{}, fmt.Errorf("no product has the part number or name %q: homeward licence list shows them", text)
}

// Verdict says whether a tenant may use password writeback, and by what.
type Verdict struct {
	Needed  bool     // licences matter for this tenant at all
	Allowed bool     // writeback may be used
	Plans   []string // the products it subscribed to, by name
	Why     string   // when it isn't allowed: what is missing, and what would do
}

// Judge decides for a tenant.
func Judge(s tenant.Settings) Verdict {
	if !s.LicencesNeeded {
		return Verdict{Allowed: true}
	}
	v := Verdict{Needed: true}
	for _, part := range s.Licences {
		sku, err := Find(part)
		if err != nil {
			continue // a catalogue of another version knew it
		}
		v.Plans = append(v.Plans, sku.Name)
		v.Allowed = v.Allowed || sku.Writeback()
	}
	switch {
	case v.Allowed:
	case len(v.Plans) == 0:
		v.Why = "No licence is on record. Password writeback needs a plan with Entra ID P1 or P2, such as Microsoft 365 E3 or Business Premium."
	default:
		v.Why = strings.Join(v.Plans, ", ") + " does not include password writeback: it has no Entra ID P1 or P2. " +
			"Microsoft 365 E3, E5, F1, F3 and Business Premium do; Office 365 E1, E3 and E5 don't."
	}
	return v
}
