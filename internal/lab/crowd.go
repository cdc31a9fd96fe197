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
	return d.crowd(ctx, crowdRequest{Count: n})
}

// CrowdGroups adds n groups of the people that Crowd has made: crowd-group-0001 and so on, spread over the OUs, each
// with so many members. Neighbouring groups overlap by half.
func (d *DC) CrowdGroups(ctx context.Context, n, members, among int) error {
	if members > among {
		return fmt.Errorf("groups of %d members among %d people", members, among)
	}
	return d.crowd(ctx, crowdRequest{Groups: n, Members: members, Among: among})
}

// crowdRequest is what recipe/crowd.py reads.
type crowdRequest struct {
	Count     int      `json:"count"`
	Groups    int      `json:"groups"`
	Members   int      `json:"members"`
	Among     int      `json:"among"`
	OUs       []string `json:"ous"`
	UPNSuffix string   `json:"upn_suffix"`
	AgeDays   int      `json:"age_days"`
	Database  string   `json:"database"`
}

func (d *DC) crowd(ctx context.Context, want crowdRequest) error {
	want.OUs, want.UPNSuffix, want.AgeDays, want.Database = d.OUs(), d.UPNSuffix(), ordinaryAgeDays, "/lab/dc/private/sam.ldb"
	req, err := json.Marshal(want)
	if err != nil {
		return err
	}
	// Samba copies an index of a megabyte and more for each person it adds: memory that is given back to the kernel and taken
	// again each time costs more than everything else.
	keep := []string{"env", "MALLOC_MMAP_THRESHOLD_=1073741824", "MALLOC_TRIM_THRESHOLD_=4294967296"}
	if _, err := d.inside(ctx, string(req), append(keep, "python3", "-c", crowdScript)...); err != nil {
		return fmt.Errorf("adding %d people and %d groups: %w", want.Count, want.Groups, err)
	}
	return nil
}
