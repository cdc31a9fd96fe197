package lab

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed recipe/crowd.py
var crowdScript string

// Crowd adds n ordinary people, spread over the OUs, for measuring: crowd-00001@contoso.com and so on. It writes
// beside the running DC, through Samba's own Python API, about 800 a second. They all have one random password,
// which nobody learns.
func (d *DC) Crowd(ctx context.Context, n int) error {
	req, err := json.Marshal(map[string]any{
		"count": n, "ous": d.OUs(), "upn_suffix": d.UPNSuffix(), "age_days": ordinaryAgeDays, "database": "/lab/dc/private/sam.ldb",
	})
	if err != nil {
		return err
	}
	if _, err := d.inside(ctx, string(req), "python3", "-c", crowdScript); err != nil {
		return fmt.Errorf("adding %d people: %w", n, err)
	}
	return nil
}
