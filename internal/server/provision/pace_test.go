package provision

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
)

// purse notes what it is told.
type purse struct{ told []string }

func (p *purse) Spend() { p.told = append(p.told, "spend") }

func (p *purse) Save(much bool) { p.told = append(p.told, fmt.Sprint("save ", much)) }

func (p *purse) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.told); diff != "" {
		t.Errorf("memory was told (-want +got):\n%s", diff)
	}
}

func TestMemoryIsSpentWhileFullRunsAreApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m purse
		p := newPace(&m)
		going := func(run string, people int) { p.note(Run{ID: run}, people) }
		ended := func(run string) { p.note(Run{ID: run, Ended: time.Now()}, 1) }

		p.note(Run{}, 5000) // changes, no full run
		ended("short")      // one batch was all of it
		m.expect(t)
		going("one", 400)
		going("two", 400)
		going("one", 400)
		ended("one")
		m.expect(t, "spend") // the other one goes on
		ended("two")
		m.expect(t, "spend", "save true")

		m.told = nil
		going("small", 900)
		ended("small")
		m.expect(t, "spend", "save false")

		m.told = nil
		going("silent", 2000)
		<-time.After(protocol.LeaseLife - time.Second)
		going("silent", 2000)
		<-time.After(protocol.LeaseLife - time.Second)
		synctest.Wait()
		m.expect(t, "spend")
		<-time.After(2 * time.Second)
		synctest.Wait()
		m.expect(t, "spend", "save true")
		ended("silent") // its agent came back for the end
		m.expect(t, "spend", "save true")
	})
}
