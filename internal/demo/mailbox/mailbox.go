// Package mailbox is the demo's mail server: it takes every message by real SMTP and shows it on a page. It
// is for the demo and for tests only: it keeps everything in memory and lets everybody read it.
package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	maxMessage  = 256 << 10
	maxMessages = 1000
)

// Message is one mail as it arrived.
type Message struct {
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
}

// Mailbox takes and shows mail.
type Mailbox struct {
	smtp *smtp.Server
	http *http.Server
	mail net.Listener
	web  net.Listener

	mu       sync.Mutex
	messages []Message
}

// Open listens on loopback, on free ports.
func Open(ctx context.Context) (*Mailbox, error) {
	m := &Mailbox{}
	var err error
	if m.mail, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	if m.web, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(fmt.Errorf("mailbox: %w", err), m.mail.Close())
	}
	m.smtp = smtp.NewServer(m)
	m.smtp.Domain, m.smtp.MaxMessageBytes, m.smtp.MaxRecipients = "mailbox.example", maxMessage, 10
	m.smtp.ReadTimeout, m.smtp.WriteTimeout = time.Minute, time.Minute
	m.smtp.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", m.page)
	mux.HandleFunc("GET /messages.json", m.list)
	mux.HandleFunc("GET /mailbox.css", style)
	m.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return m, nil
}

// SMTP returns host and port for mail.
func (m *Mailbox) SMTP() (host string, port int) {
	if a, ok := m.mail.Addr().(*net.TCPAddr); ok {
		return "127.0.0.1", a.Port
	}
	return "127.0.0.1", 0
}

// URL returns the page's address.
func (m *Mailbox) URL() string { return "http://" + m.web.Addr().String() + "/" }

// Run serves until ctx ends.
func (m *Mailbox) Run(ctx context.Context) error {
	done := make(chan error, 2)
	go func() { done <- m.smtp.Serve(m.mail) }()
	go func() { done <- m.http.Serve(m.web) }()
	<-ctx.Done()
	err := errors.Join(m.smtp.Close(), m.http.Close())
	<-done
	<-done
	return err
}

// Messages returns what arrived, oldest first.
func (m *Mailbox) Messages() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Message(nil), m.messages...)
}

// NewSession implements smtp.Backend.
func (m *Mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: m}, nil }

type session struct {
	box *Mailbox
	to  []string
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Reset()                               { s.to = nil }
func (s *session) Logout() error                        { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	body := msg.Body
	if strings.EqualFold(msg.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(msg.Body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	subject, err := (&mime.WordDecoder{}).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		subject = msg.Header.Get("Subject")
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, to := range s.to {
		s.box.messages = append(s.box.messages, Message{To: to, Subject: subject, Text: strings.ReplaceAll(string(text), "\r\n", "\n"), At: time.Now()})
	}
	if extra := len(s.box.messages) - maxMessages; extra > 0 {
		s.box.messages = s.box.messages[extra:]
	}
	return nil
}

func (m *Mailbox) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m.Messages()) // the reader is gone: nobody is left to tell
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = io.WriteString(w, css)
}

func (m *Mailbox) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'")
	w.Header().Set("Cache-Control", "no-store")
	messages := m.Messages()
	for i, j := 0, len(messages)-1; i < j; i, j = i+1, j-1 {
		messages[i], messages[j] = messages[j], messages[i]
	}
	t, err := template.New("mailbox").Parse(page)
	if err != nil {
		http.Error(w, "template", http.StatusInternalServerError)
		return
	}
	_ = t.Execute(w, messages) // the reader is gone: nobody is left to tell
}

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="3"><title>Demo mailbox</title><link rel="stylesheet" href="/mailbox.css"></head>
<body><main><h1>Demo mailbox</h1><p>Every mail that Homeward sends in this demo arrives here, whoever it is for. Newest first.</p>
{{range .}}<article><h2>{{.Subject}}</h2><p class="to">to {{.To}}, {{.At.Format "15:04:05"}}</p><pre>{{.Text}}</pre></article>
{{else}}<p>Nothing yet. Ask the portal for a code.</p>{{end}}</main></body></html>`

const css = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
main{max-width:44rem;margin:2rem auto;padding:0 1rem}
article{border:1px solid #71818d;border-radius:10px;padding:.5rem 1rem;margin:1rem 0}
h1{font-size:1.7rem}h2{font-size:1.1rem;margin:.3rem 0}.to{opacity:.8;margin:0}
pre{white-space:pre-wrap;font:inherit}`
