package bench

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/provision"
)

// manyGroups is how many groups one person is in: the most that an access token could ever name is a tenth of that.
const manyGroups = 10_000

// BenchmarkSyncOneInManyGroups brings one person who is in 10,000 groups into the cloud, all groups beside, and takes them out of one
// again: every membership arrives and nothing is named as wrong.
func BenchmarkSyncOneInManyGroups(b *testing.B) {
	loaded := keptDomain(b, fmt.Sprintf("member-mdb-%d", manyGroups), func(ctx context.Context, dc *lab.DC) error {
		return errors.Join(dc.Crowd(ctx, 1), dc.CrowdGroups(ctx, manyGroups, 1, 1))
	})
	sum := map[string]float64{}
	for b.Loop() {
		s := newSyncRig(b, loaded, func(context.Context, *lab.DC) error { return nil }, sum)
		s.manyGroups()
		s.end()
	}
	for unit, total := range sum {
		b.ReportMetric(total/float64(b.N), unit)
	}
	b.ReportMetric(0, "ns/op")
}

func (s *syncRig) manyGroups() {
	s.b.Helper()
	run := s.run(func(r provision.Run) bool { return r.Full && r.Groups >= manyGroups && !r.Ended.IsZero() })
	s.add(float64(run.Ended.Sub(run.Started).Milliseconds()), "first-sync-ms")
	s.add(s.peak(), "agent-peak-MB")
	conn := s.bound()
	defer conn.Close()
	who := s.entry(conn, "crowd-00001")
	object := hex.EncodeToString(who.GetRawAttributeValue("objectGUID"))
	s.member(object, manyGroups)
	m := ldap.NewModifyRequest(s.entry(conn, fmt.Sprintf("crowd-group-%04d", manyGroups)).DN, nil)
	m.Delete("member", []string{who.DN})
	began := time.Now()
	s.check(conn.Modify(m))
	s.member(object, manyGroups-1)
	s.add(float64(time.Since(began).Milliseconds()), "out-of-one-ms")
	problems, err := s.engine.Problems(s.b.Context(), demo.TenantID, "", 1000)
	s.check(err)
	for _, p := range problems {
		if strings.Contains(p.Name, "crowd") {
			s.b.Errorf("it is named as wrong: %+v", p)
		}
	}
}

// member waits until the cloud knows the person as a member of so many groups.
func (s *syncRig) member(object string, want int) {
	s.b.Helper()
	ctx, cancel := context.WithTimeout(s.b.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		groups, err := s.Store.GroupsOf(ctx, demo.TenantID, object, 2*manyGroups)
		if err != nil && ctx.Err() == nil {
			s.b.Fatal(err)
		}
		if len(groups) == want {
			return
		}
		select {
		case <-ctx.Done():
			s.b.Fatalf("a member of %d groups, not of %d", len(groups), want)
		case <-tick.C:
		}
	}
}
