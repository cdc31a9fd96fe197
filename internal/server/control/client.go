package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
)

// ErrNotRunning reports a socket that nobody answers on.
var ErrNotRunning = errors.New("the server isn't running here: start it with homeward server, and use this verb on the same machine and with the same --config")

// ErrLost reports that the server ended before it answered: nobody can say here what it did.
var ErrLost = errors.New("the server stopped before it answered: what was asked may have been done, or not")

// Client asks the server of a state folder.
type Client struct{ http http.Client }

// NewClient returns a client of the socket at path. Nothing is opened yet.
func NewClient(path string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, "unix", path)
		},
	}}}
}

// Call posts one question and reads its answer. What the server can't do comes back as an error in its words.
func (c *Client) Call(ctx context.Context, path string, question, into any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer clear(body) // it can hold a password
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://homeward"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return errors.New("only the server's own account may ask it: run this as that account, or as root")
	case ctx.Err() != nil:
		return fmt.Errorf("ask the server: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("%w (%w)", ErrLost, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrLost, err)
	}
	if resp.StatusCode != http.StatusOK {
		var p problem
		if json.Unmarshal(b, &p) == nil && p.Error != "" {
			return errors.New(p.Error)
		}
		return fmt.Errorf("the server answers with status %d: use the homeward of its own version", resp.StatusCode)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return errors.New("the server's answer can't be read: use the homeward of its own version")
	}
	return nil
}
