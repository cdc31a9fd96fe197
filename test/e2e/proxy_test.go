package e2e_test

import (
	"bufio"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// connectProxy is a small HTTP CONNECT proxy that wants Basic credentials.
type connectProxy struct {
	url            string
	user, password string

	tunnels, refused atomic.Int32

	mu    sync.Mutex
	conns []net.Conn
}

func startProxy(t *testing.T) *connectProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &connectProxy{url: "http://" + l.Addr().String(), user: "svc-homeward", password: "pröxy:" + lab.RandomPassword()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed at the end of the test
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		all.Wait()
	})
	return p
}

func (p *connectProxy) serve(c net.Conn) {
	defer c.Close()
	buffered := bufio.NewReader(c)
	req, err := http.ReadRequest(buffered)
	if err != nil {
		return
	}
	if !p.allowed(req) {
		p.refused.Add(1)
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	if req.Method != http.MethodConnect {
		_, _ = io.WriteString(c, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	up, err := net.DialTimeout("tcp", req.Host, 10*time.Second)
	if err != nil {
		_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	defer up.Close()
	p.tunnels.Add(1)
	_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(up, buffered)
		_ = up.Close()
	}()
	_, _ = io.Copy(c, up)
	_ = c.Close()
	<-done
}

func (p *connectProxy) allowed(req *http.Request) bool {
	r := &http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}
	user, password, ok := r.BasicAuth()
	return ok && user == p.user && subtle.ConstantTimeCompare([]byte(password), []byte(p.password)) == 1
}

func TestAgentThroughAProxyWithCredentials(t *testing.T) {
	t.Parallel()
	proxy := startProxy(t)
	s := own(t, demo.Options{Proxy: demo.Proxy{URL: proxy.url, User: proxy.user, Password: proxy.password}}, nil)
	if n := proxy.tunnels.Load(); n < 2 {
		t.Errorf("enrolment and relay made %d tunnels, so something went past the proxy", n)
	}
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	shows(t, reset(t, s.visitor(t), p, fresh), "changed")
	s.changed(t, p, before, fresh)

	// Without the password the proxy says 407, and the agent's log says what to do.
	must(t, s.Agent.Stop())
	must(t, os.WriteFile(s.Path("proxy-password"), []byte("wrong\n"), 0o600))
	from := logSize(t, s.Path("agent.log"))
	must(t, s.LaunchAgent())
	eventually(t, func() error {
		log := logSince(t, s.Path("agent.log"), from)
		if !strings.Contains(log, "407") && !strings.Contains(log, "proxy") {
			return fmt.Errorf("the agent's log says nothing of the proxy:\n%s", log)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, "407") || strings.Contains(strings.ToLower(line), "proxy") {
				t.Logf("the agent says: %s", line)
			}
		}
		return nil
	})
	if strings.Contains(logSince(t, s.Path("agent.log"), 0), proxy.password) {
		t.Error("the proxy's password is in the agent's log")
	}
	if proxy.refused.Load() == 0 {
		t.Error("the proxy refused nothing")
	}
}
