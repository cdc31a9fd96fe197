package agent

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"homeward/internal/config"
	"homeward/internal/protocol"
)

// portal answers the wizard's questions as protocol/setup.go says.
func portal(t *testing.T, states ...string) config.Agent {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		b, err := protocol.Encode(v)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(b)
	}
	read := func(r *http.Request, v any) {
		b := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(b)
		if err := protocol.Decode(b, v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("POST /enrol/check", func(w http.ResponseWriter, r *http.Request) {
		var q protocol.SetupRequest
		if read(r, &q); q.Code != "GOOD" {
			w.WriteHeader(http.StatusForbidden)
			answer(w, protocol.Problem{Reason: protocol.ReasonNotFound, Message: "This code doesn't exist."})
			return
		}
		answer(w, protocol.SetupAnswer{Version: protocol.Version, TenantName: "Contoso", Licensed: true, Domains: []string{"contoso.com"}})
	})
	mux.HandleFunc("POST /enrol/device", func(w http.ResponseWriter, r *http.Request) {
		var q protocol.DeviceRequest
		read(r, &q)
		answer(w, protocol.DeviceAnswer{Version: protocol.Version, UserCode: "FJ4K-82QP", DeviceCode: "device"})
	})
	mux.HandleFunc("POST /enrol/device/poll", func(w http.ResponseWriter, r *http.Request) {
		var q protocol.DevicePoll
		if read(r, &q); q.DeviceCode != "device" || len(states) == 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		out := protocol.DeviceResult{Version: protocol.Version, State: states[0]}
		if states = states[1:]; out.State == "approved" {
			out.Code, out.By = "GOOD", "karin.holm@contoso.com"
		}
		answer(w, out)
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Agent{Server: server.URL, CAFile: ca}
}

func TestCheckCode(t *testing.T) {
	t.Parallel()
	c := portal(t)
	if a, err := CheckCode(t.Context(), c, "GOOD"); err != nil || a.TenantName != "Contoso" || !a.Licensed {
		t.Errorf("%+v, %v", a, err)
	}
	_, err := CheckCode(t.Context(), c, "SECRET-CODE")
	if err == nil || !strings.Contains(err.Error(), "This code doesn't exist.") || strings.Contains(err.Error(), "SECRET-CODE") {
		t.Errorf("%v", err)
	}
}

func TestDeviceCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		states []string
		want   string
		fails  bool
	}{
		{[]string{"pending", "approved"}, "approved", false}, {[]string{"refused"}, "refused", false}, {[]string{"pending", "expired"}, "expired", false}, {nil, "", true},
	} {
		shown := ""
		r, err := DeviceCode(t.Context(), portal(t, tt.states...), "srv", "1", func(d protocol.DeviceAnswer) { shown = d.UserCode })
		if r.State != tt.want || (err != nil) != tt.fails || shown != "FJ4K-82QP" || (r.Code != "") != (tt.want == "approved") {
			t.Errorf("%v: %+v, %v, shown %q", tt.states, r, err, shown)
		}
	}
}
