package relay_test

import (
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/relay"
)

func TestMachineHeader(t *testing.T) {
	want := protocol.Machine{Name: "SRV-HW01.corp.contoso.test", ID: strings.Repeat("0f", 32)}
	value, err := relay.EncodeMachine(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := relay.ParseMachine(value); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := relay.ParseMachine(""); err != nil || got != (protocol.Machine{}) {
		t.Errorf("an agent that doesn't say: %+v %v", got, err)
	}
	for _, bad := range []protocol.Machine{{ID: "only"}, {Name: strings.Repeat("a", 256)}, {Name: "a\x1b[31m"}, {Name: "a", ID: strings.Repeat("f", 65)}} {
		if _, err := relay.EncodeMachine(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func FuzzParseMachine(f *testing.F) {
	value, err := relay.EncodeMachine(protocol.Machine{Name: "srv", ID: "ab"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, value string) {
		m, err := relay.ParseMachine(value)
		if err != nil || value == "" {
			return
		}
		again, err := relay.EncodeMachine(m)
		if err != nil {
			t.Fatalf("%+v can't be sent: %v", m, err)
		}
		if back, err := relay.ParseMachine(again); err != nil || back != m {
			t.Errorf("%+v comes back as %+v, %v", m, back, err)
		}
	})
}
