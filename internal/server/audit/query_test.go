package audit_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	ids := func() ([]string, error) { return []string{"p1", "a1"}, nil }
	for typed, want := range map[string]audit.Query{
		"":               {},
		" ":              {},
		"HW-7K3Q-92MD":   {Support: "HW-7K3Q-92MD"},
		"hw-7k3q - 92md": {Support: "HW-7K3Q-92MD"},
		" amara ":        {People: []string{"amara", "p1", "a1"}},
	} {
		var q audit.Query
		if err := q.Ask(typed, ids); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Errorf("%q: %s", typed, diff)
		}
	}
	var q audit.Query
	if err := q.Ask("many", func() ([]string, error) { return make([]string, 2*audit.MostPeople), nil }); err != nil || len(q.People) != audit.MostPeople {
		t.Errorf("%d people, %v", len(q.People), err)
	}
	broken := errors.New("broken")
	if err := q.Ask("x", func() ([]string, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
