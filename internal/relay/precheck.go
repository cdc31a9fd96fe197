package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"homeward/internal/protocol"
)

// maxProblem bounds what is read of an answer that is not ours.
const maxProblem = 4 << 10

// Precheck walks the whole way to the relay once, with one signed request that asks for no upgrade, and
// says in plain words where the way ends. nil means that the relay knows this agent. Its errors are
// *Fault, except when ctx ends. (The NATS client only says "invalid websocket connection".)
func (l *AgentLink) Precheck(ctx context.Context) error { return l.way.precheck(ctx) }

// Precheck does the same without a link, for doctor and for enrolment. Errors in cfg are not *Fault.
func Precheck(ctx context.Context, cfg AgentConfig) error {
	w, err := newWay(cfg.withDefaults())
	if err != nil {
		return err
	}
	return w.precheck(ctx)
}

func (w *way) precheck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	c, err := w.dialer.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	header, err := w.headers()
	if err != nil {
		return err
	}
	req := &http.Request{Method: http.MethodGet, URL: w.target, Host: w.target.Host, Header: header, Close: true}
	if err := req.WithContext(ctx).Write(c); err != nil {
		return connectFault(w.dialer.host, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return connectFault(w.dialer.host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(w.target, resp)
}

// readAnswer judges the relay's answer to a request without an upgrade.
func readAnswer(target *url.URL, resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	var p protocol.Problem
	ours := err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") &&
		protocol.Decode(b, &p) == nil && p.Message != ""
	f := &Fault{Status: resp.StatusCode, Reason: p.Reason, Message: p.Message}
	switch {
	case ours && resp.StatusCode == http.StatusUpgradeRequired:
		return nil
	case ours && resp.StatusCode == http.StatusForbidden:
		f.Step, f.err = StepRefused, ErrRefused
	case ours && resp.StatusCode/100 == 4:
		f.Step = StepRefused
	case ours:
		f.Step = StepServer
	case resp.StatusCode/100 == 3:
		f.Step = StepPath
		f.Message = fmt.Sprintf("%s sends us elsewhere (status %d). Use the portal's own address.", target, resp.StatusCode)
	case resp.StatusCode/100 == 5:
		f.Step = StepServer
		f.Message = fmt.Sprintf("%s answers with status %d. The portal, or what stands before it, does not work at the moment.", target.Host, resp.StatusCode)
	default:
		f.Step = StepPath
		f.Message = fmt.Sprintf("%s answers, but there is no Homeward relay at %s (status %d). Check the server address and its path.", target.Host, target.Path, resp.StatusCode)
	}
	return f
}

// judge says what an attempt came to that ended with err.
func judge(err error) verdict {
	f, ok := errors.AsType[*Fault](err)
	switch {
	case errors.Is(err, ErrRefused):
		return turnedAway
	case ok && f.Reason == protocol.ReasonAgentMoved:
		return waitsForApproval
	}
	return unanswered
}
