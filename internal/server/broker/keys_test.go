package broker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"homeward/internal/server/broker"
)

func TestKeysRoundTrip(t *testing.T) {
	k, err := broker.NewKeys()
	must(t, err)
	b, err := k.Marshal()
	must(t, err)
	again, err := broker.UnmarshalKeys(b)
	must(t, err)
	b2, err := again.Marshal()
	must(t, err)
	if !bytes.Equal(b, b2) {
		t.Error("keys changed on the way")
	}
	tk, err := broker.NewTenantKeys()
	must(t, err)
	b, err = tk.Marshal()
	must(t, err)
	tk2, err := broker.UnmarshalTenantKeys(b)
	must(t, err)
	if tk != tk2 || tk.Account() == "" {
		t.Error("tenant keys changed on the way")
	}
}

func TestKeysAreStrict(t *testing.T) {
	k, err := broker.NewKeys()
	must(t, err)
	b, err := k.Marshal()
	must(t, err)
	other, err := broker.NewKeys()
	must(t, err)
	ob, err := other.Marshal()
	must(t, err)
	var m, om map[string]any
	must(t, json.Unmarshal(b, &m))
	must(t, json.Unmarshal(ob, &om))
	bad := [][]byte{nil, []byte("{}"), []byte("null"), append(bytes.Clone(b), '1')}
	for field := range m {
		mixed := map[string]any{}
		maps.Copy(mixed, m)
		mixed[field] = om[field]
		if field == "v" {
			mixed[field] = 2
		}
		if field == "cloud" {
			continue // any account will do
		}
		x, err := json.Marshal(mixed)
		must(t, err)
		bad = append(bad, x)
	}
	for _, x := range bad {
		if _, err := broker.UnmarshalKeys(x); !errors.Is(err, broker.ErrKeys) {
			t.Errorf("%d bytes: %v", len(x), err)
		}
		if _, err := broker.UnmarshalTenantKeys(x); !errors.Is(err, broker.ErrKeys) {
			t.Errorf("tenant, %d bytes: %v", len(x), err)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k, err := broker.NewKeys()
	must(t, err)
	tk, err := broker.NewTenantKeys()
	must(t, err)
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	cfg := broker.Config{Keys: k}
	for _, v := range []any{k, tk, &k, &tk, cfg, broker.TenantAccount{Keys: tk}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x\n", v, v, v, v, v)
		log.Info("keys", "v", v)
		_ = json.NewEncoder(&out).Encode(v)
	}
	// Seeds begin with SO or SA and are 58 characters long.
	for word := range strings.FieldsFuncSeq(out.String(), func(r rune) bool { return r != '_' && (r < '0' || r > 'Z' || (r > '9' && r < 'A')) }) {
		if len(word) >= 58 && strings.HasPrefix(word, "S") {
			t.Fatal("a seed was printed")
		}
	}
	hex := fmt.Sprintf("%x", "SA")
	if strings.Contains(out.String(), hex) || strings.Contains(out.String(), fmt.Sprintf("%X", "SO")) {
		t.Error("a seed was printed in hex")
	}
}
