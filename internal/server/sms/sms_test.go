package sms

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/webhook"
)

const (
	number = "+46701234542"
	// sample is the message of the design: two lines, the last bound to the portal's name.
	sample = "481732 is your Contoso code. Never tell it to anyone.\n@password.contoso.com #481732"
)

// TestPDUsByteForByte compares with bytes written down by hand from SMPP 3.4, sections 4.1.1, 4.4.1 and 5.1.
func TestPDUsByteForByte(t *testing.T) {
	body, err := bindBody("homeward", "secret08")
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(pdu{command: bindTransmitter, sequence: 1, body: body}.marshal())
	want := "00000027" + "00000002" + "00000000" + "00000001" + "686f6d657761726400" + "736563726574303800" + "00" + "34" + "00" + "00" + "00"
	if got != want {
		t.Errorf("bind_transmitter\n%s, want\n%s", got, want)
	}
	coding, text := encode("Hi @")
	if body, err = submitBody("Contoso", "46701234542", coding, text); err != nil {
		t.Fatal(err)
	}
	got = hex.EncodeToString(pdu{command: submitSM, sequence: 2, body: body}.marshal())
	want = "00000037" + "00000004" + "00000000" + "00000002" + "00" + "0500" + "436f6e746f736f00" + "0101" + "343637303132333435343200" +
		"000000" + "00" + "00" + "0000" + "00" + "00" + "04" + "48692000"
	if got != want {
		t.Errorf("submit_sm\n%s, want\n%s", got, want)
	}
}

func TestEncode(t *testing.T) {
	for text, want := range map[string]struct {
		coding byte
		bytes  string
	}{
		"@£é":    {codingDefault, "000105"},
		"don’t":  {codingDefault, "646f6e2774"},
		"a\nb":   {codingDefault, "610a62"},
		"コード":    {codingUCS2, "30b330fc30c9"},
		"a\x1bb": {codingUCS2, "0061001b0062"},
		"[x]":    {codingUCS2, "005b0078005d"},
		"":       {codingDefault, ""},
	} {
		coding, b := encode(text)
		if coding != want.coding || hex.EncodeToString(b) != want.bytes {
			t.Errorf("%q: %d %x, want %d %s", text, coding, b, want.coding, want.bytes)
		}
	}
	if coding, b := encode(sample); coding != codingDefault || len(b) != len(sample) {
		t.Errorf("the message isn't one of the GSM alphabet: %d, %d bytes", coding, len(b))
	}
}

func FuzzReadPDU(f *testing.F) {
	f.Add(pdu{command: submitSM | responseBit, sequence: 2, body: []byte("id\x00")}.marshal())
	f.Add([]byte("\x00\x00\x00\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		p, err := readPDU(r)
		if err != nil {
			return
		}
		used := len(b) - r.Len()
		if used > maxPDU || !bytes.Equal(p.marshal(), b[:used]) {
			t.Errorf("%x was read as %+v", b, p)
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add(sample)
	f.Add("コード")
	f.Fuzz(func(t *testing.T, text string) {
		if coding, b := encode(text); coding == codingUCS2 && len(b)%2 != 0 {
			t.Errorf("%q: half a character", text)
		}
	})
}

// centre is a message centre of this test's own, on a real connection.
type centre struct {
	address string
	seen    chan pdu
}

// newCentre answers one connection after the other: reply builds the response to a request; nil hangs up.
func newCentre(t *testing.T, reply func(p pdu) *pdu) *centre {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &centre{address: l.Addr().String(), seen: make(chan pdu, 16)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.serve(conn, reply)
		}
	}()
	return c
}

func (c *centre) serve(conn net.Conn, reply func(p pdu) *pdu) {
	defer conn.Close()
	for {
		p, err := readPDU(conn)
		if err != nil {
			return
		}
		c.seen <- p
		answer := reply(p)
		if answer == nil {
			return
		}
		if p.command == submitSM { // one of its own questions in between
			conn.Write(pdu{command: enquireLink, sequence: 77}.marshal())
		}
		conn.Write(answer.marshal())
	}
}

func polite(p pdu) *pdu {
	return &pdu{command: p.command | responseBit, sequence: p.sequence, body: []byte("42\x00")}
}

func (c *centre) client() *SMPP {
	return &SMPP{Address: c.address, System: "homeward", From: "Contoso", Password: func() (string, error) { return "secret08", nil }}
}

func TestSMPP(t *testing.T) {
	c := newCentre(t, polite)
	if err := c.client().Send(t.Context(), Message{To: number, Text: sample}); err != nil {
		t.Fatal(err)
	}
	var commands []uint32
	var submitted pdu
	for range 4 {
		p := <-c.seen
		commands = append(commands, p.command)
		if p.command == submitSM {
			submitted = p
		}
	}
	if diff := cmp.Diff([]uint32{bindTransmitter, submitSM, enquireLink | responseBit, unbind}, commands); diff != "" {
		t.Error(diff)
	}
	if want, _ := gsm7(sample); !bytes.Contains(submitted.body, want) || !bytes.Contains(submitted.body, []byte("46701234542\x00")) {
		t.Errorf("%x", submitted.body)
	}
	long := strings.Repeat("コ", 100)
	if err := c.client().Send(t.Context(), Message{To: number, Text: long}); err != nil {
		t.Fatal(err)
	}
	<-c.seen
	if p := <-c.seen; !bytes.Contains(p.body, append([]byte{0x04, 0x24, 0x00, 200}, ucs2(long)...)) {
		t.Errorf("no message_payload: %x", p.body)
	}
}

func TestSMPPRefusals(t *testing.T) {
	for name, reply := range map[string]func(p pdu) *pdu{
		"wrong password": func(p pdu) *pdu { return &pdu{command: p.command | responseBit, status: 0x0E, sequence: p.sequence} },
		"wrong number": func(p pdu) *pdu {
			if p.command == submitSM {
				return &pdu{command: p.command | responseBit, status: 0x0B, sequence: p.sequence}
			}
			return polite(p)
		},
		"generic nack":   func(p pdu) *pdu { return &pdu{command: genericNack, status: 3, sequence: p.sequence} },
		"hangs up":       func(pdu) *pdu { return nil },
		"says goodbye":   func(pdu) *pdu { return &pdu{command: unbind, sequence: 9} },
		"answers others": func(p pdu) *pdu { return &pdu{command: p.command | responseBit, sequence: p.sequence + 40} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := newCentre(t, reply).client().Send(ctx, Message{To: number, Text: sample})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, secret := range []string{"481732", "46701234542", "secret08"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %s: %v", secret, err)
				}
			}
			if name == "wrong number" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "0x0000000B")) {
				t.Error(err)
			}
		})
	}
	s := &SMPP{Address: "127.0.0.1:1", System: strings.Repeat("x", 16), Password: func() (string, error) { return "", nil }}
	if _, err := bindBody(s.System, ""); err == nil {
		t.Error("a system id that is too long")
	}
}

func TestWebhook(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	status := http.StatusAccepted
	var header string
	var body []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, body = r.Header.Get("Homeward-Signature"), nil
		body, _ = io.ReadAll(r.Body)
		if status == http.StatusFound {
			w.Header().Set("Location", "https://elsewhere.example/")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	w := &Webhook{
		URL: server.URL + "/send?key=topsecret", From: "Contoso", Secret: func() (string, error) { return "shared", nil },
		Client: webhook.NewClient(server.Client().Transport), Now: func() time.Time { return now },
	}
	if err := w.Send(t.Context(), Message{To: number, Text: sample, Lang: "en"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"to": number, "from": "Contoso", "text": sample, "lang": "en"}, got); diff != "" {
		t.Error(diff)
	}
	// echo -n "1795000000.$BODY" | openssl dgst -sha256 -hmac shared
	if want := webhook.Sign([]byte("shared"), now, body); header != want || !strings.HasPrefix(header, "t=1795000000,v1=") {
		t.Errorf("signed %q, want %q", header, want)
	}
	if webhook.Sign([]byte("other"), now, body) == header || webhook.Sign([]byte("shared"), now.Add(time.Second), body) == header || webhook.Sign([]byte("shared"), now, append(body, ' ')) == header {
		t.Error("another secret, time or body has the same signature")
	}
	for _, status = range []int{http.StatusBadRequest, http.StatusFound, http.StatusInternalServerError} {
		if err := w.Send(t.Context(), Message{To: number, Text: sample}); !errors.Is(err, ErrRefused) {
			t.Errorf("%d: %v", status, err)
		}
	}
	server.Close()
	err := w.Send(t.Context(), Message{To: number, Text: sample})
	if err == nil || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "481732") {
		t.Errorf("%v", err)
	}
}

// TestSignatureIsTheDocumentedOne: computed once with openssl dgst -sha256 -hmac.
func TestSignatureIsTheDocumentedOne(t *testing.T) {
	const want = "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
	if got := webhook.Sign([]byte("key"), time.Unix(1, 0), []byte("{}")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestMailGateway(t *testing.T) {
	var got []string
	m := &Mail{To: "{number}@sms.example", Post: func(_ context.Context, to, text, lang string) error {
		got = []string{to, text, lang}
		return nil
	}}
	if err := m.Send(t.Context(), Message{To: number, Text: sample, Lang: "en"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"46701234542@sms.example", sample, "en"}, got); diff != "" {
		t.Error(diff)
	}
}
