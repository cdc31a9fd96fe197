package main

import (
	"bytes"
	"crypto/tls"
	"image"
	"image/png"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"homeward/internal/lab"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"homeward": main}) }

// TestScripts drives every verb as an operator does. Each script has a folder, a certificate and a free port.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setUp,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"waitready": waitReady},
	})
}

func setUp(env *testscript.Env) error {
	if _, err := lab.IssueCertificate(env.WorkDir, "localhost", "127.0.0.1"); err != nil {
		return err
	}
	if err := drawLogo(filepath.Join(env.WorkDir, "logo.png")); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Setenv("LISTEN", l.Addr().String())
	return l.Close()
}

func drawLogo(path string) error {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 64, 64))); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// waitReady polls an address until it answers with status 200.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := client.Get(args[0]); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-deadline.C:
			ts.Fatalf("%s doesn't answer", args[0])
		case <-tick.C:
		}
	}
}
