package kerberos

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

func someTicket(t testing.TB) *Ticket {
	t.Helper()
	name := types.PrincipalName{NameType: 2, NameString: []string{"ldap", "dc1.corp.example"}}
	return &Ticket{
		ticket: messages.Ticket{TktVNO: 5, Realm: "CORP.EXAMPLE", SName: name, EncPart: types.EncryptedData{EType: 18, Cipher: []byte("sealed")}},
		key:    newKey(t, 18), client: types.PrincipalName{NameType: 1, NameString: []string{"svc"}}, realm: "CORP.EXAMPLE",
	}
}

// proof is the answer of a service that holds key.
func proof(t testing.TB, key types.EncryptionKey, part messages.EncAPRepPart) []byte {
	t.Helper()
	plain, err := asn1.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, asnAppTag.EncAPRepPart), key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		t.Fatal(err)
	}
	body, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		t.Fatal(err)
	}
	token, err := frame(tokenReply, asn1tools.AddASNAppTag(body, asnAppTag.APREP))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestServiceProvesItself: only who holds the ticket's key and repeats our time is believed.
func TestServiceProvesItself(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name  string
		forge func(c *Context, key *types.EncryptionKey, part *messages.EncAPRepPart)
		ok    bool
	}{
		{"right", func(*Context, *types.EncryptionKey, *messages.EncAPRepPart) {}, true},
		{"without a key of its own", func(_ *Context, _ *types.EncryptionKey, p *messages.EncAPRepPart) { p.Subkey = types.EncryptionKey{} }, true},
		{"another key", func(_ *Context, k *types.EncryptionKey, _ *messages.EncAPRepPart) { *k = newKey(t, 18) }, false},
		{"another kind of key", func(_ *Context, k *types.EncryptionKey, _ *messages.EncAPRepPart) { *k = newKey(t, 17) }, false},
		{"another second", func(_ *Context, _ *types.EncryptionKey, p *messages.EncAPRepPart) { p.CTime = p.CTime.Add(time.Second) }, false},
		{"another microsecond", func(_ *Context, _ *types.EncryptionKey, p *messages.EncAPRepPart) { p.Cusec++ }, false},
		{"a key for RC4", func(_ *Context, _ *types.EncryptionKey, p *messages.EncAPRepPart) {
			p.Subkey = types.EncryptionKey{KeyType: 23, KeyValue: make([]byte, 16)}
		}, false},
		{"a short key", func(_ *Context, _ *types.EncryptionKey, p *messages.EncAPRepPart) {
			p.Subkey.KeyValue = p.Subkey.KeyValue[:16]
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ticket := someTicket(t)
			c, token, err := Begin(ticket, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if kind, _, err := unframe(token); err != nil || kind != tokenRequest {
				t.Fatal(kind, err)
			}
			key, part := ticket.key, messages.EncAPRepPart{
				CTime: c.auth.CTime, Cusec: c.auth.Cusec, Subkey: newKey(t, 18), SequenceNumber: 77,
			}
			tt.forge(c, &key, &part)
			err = c.Accept(proof(t, key, part), now)
			if tt.ok {
				if err != nil || c.Bits() != 256 || c.layer.inSeq != 77 {
					t.Errorf("%v, %d bits", err, c.Bits())
				}
				return
			}
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("believed: %v", err)
			}
			if _, err := c.Agree(nil); err == nil {
				t.Error("goes on without proof")
			}
			if _, err := c.Secure(nil); err == nil {
				t.Error("seals without proof")
			}
		})
	}
}

// TestOfferOfLayers: a service that would not seal is refused, and one that has TLS around must not.
func TestOfferOfLayers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		bindings []byte
		offer    []byte
		want     []byte // the choice; nil: refused
	}{
		{"seal", nil, []byte{7, 0xff, 0xff, 0xff}, []byte{4, 0x10, 0, 0}},
		{"none or sign only", nil, []byte{3, 0xff, 0xff, 0xff}, nil},
		{"nothing fits", nil, []byte{4, 0, 0, 60}, nil},
		{"garbled", nil, []byte{4}, nil},
		{"none, inside TLS", []byte("tls-server-end-point:x"), []byte{1, 0, 0, 0}, []byte{1, 0, 0, 0}},
		{"seal, inside TLS", []byte("tls-server-end-point:x"), []byte{4, 1, 0, 0}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			me, dc := pair(t, 18)
			c := &Context{layer: me, bindings: tt.bindings}
			choice, err := c.Agree(dc.sign(tt.offer))
			if tt.want == nil {
				if !errors.Is(err, ErrProtocol) {
					t.Errorf("agreed: %x %v", choice, err)
				}
				return
			}
			if err != nil || !bytes.Equal(choice[headerSize:len(choice)-macSize], tt.want) {
				t.Errorf("%x %v", choice, err)
			}
			if _, err := c.Secure(nil); (err == nil) != (tt.bindings == nil) {
				t.Errorf("sealing: %v", err)
			}
		})
	}
}

// TestChecksumOfAContext has the bytes of RFC 4121 4.1.1, and of a binding that a controller accepted.
func TestChecksumOfAContext(t *testing.T) {
	if got, want := contextChecksum(nil), append(append([]byte{16, 0, 0, 0}, make([]byte, 16)...), 0x3e, 0, 0, 0); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	bound := contextChecksum([]byte("tls-server-end-point:x"))
	if len(bound) != 24 || bytes.Equal(bound[4:20], make([]byte, 16)) || !bytes.Equal(bound[20:], []byte{2, 0, 0, 0}) {
		t.Errorf("%x", bound)
	}
}

func TestOffersOfKeys(t *testing.T) {
	hint := func(list ...types.ETypeInfo2Entry) types.PADataSequence {
		b, err := asn1.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return types.PADataSequence{{PADataType: 19, PADataValue: b}}
	}
	got, err := offers(hint(types.ETypeInfo2Entry{EType: 23}, types.ETypeInfo2Entry{EType: 18, Salt: "CORP.EXAMPLEsvc", S2KParams: []byte{0, 0, 0x10, 0}}))
	if err != nil || len(got) != 1 || got[0].etype != 18 || got[0].salt != "CORP.EXAMPLEsvc" {
		t.Errorf("%+v %v", got, err)
	}
	for _, rounds := range [][]byte{{0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, {1}} {
		if _, err := offers(hint(types.ETypeInfo2Entry{EType: 18, S2KParams: rounds})); !errors.Is(err, ErrProtocol) {
			t.Errorf("%x rounds: %v", rounds, err)
		}
	}
	who := Identity{Name: "svc", Password: []byte("Copper-Kettle-42")}
	if _, _, err := who.key(hint(types.ETypeInfo2Entry{EType: 23})); !errors.Is(err, ErrNoAES) {
		t.Errorf("RC4 only: %v", err)
	}
}

// TestStatusOfARefusal reads KERB-EXT-ERROR bare and in a sequence ([MS-KILE] 2.2.1, 2.2.2).
func TestStatusOfARefusal(t *testing.T) {
	one := types.PAData{PADataType: 3, PADataValue: []byte{0x34, 0x02, 0, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0}}
	bare, err := asn1.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	list, err := asn1.Marshal([]types.PAData{{PADataType: 19, PADataValue: []byte{}}, one})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{bare, list} {
		if got := status(data); got != 0xC0000234 {
			t.Errorf("%08X", got)
		}
	}
	if got := status([]byte("nonsense")); got != 0 {
		t.Errorf("%08X", got)
	}
}

func FuzzReply(f *testing.F) {
	refusal := messages.NewKRBError(instance("krbtgt", "CORP.EXAMPLE"), "CORP.EXAMPLE", CodeSkew, "too far")
	b, err := refusal.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	ticket := someTicket(f)
	sealed, err := crypto.GetEncryptedData([]byte("part"), ticket.key, keyusage.AS_REP_ENCPART, 1)
	if err != nil {
		f.Fatal(err)
	}
	reply := messages.ASRep{KDCRepFields: messages.KDCRepFields{
		PVNO: 5, MsgType: msgtype.KRB_AS_REP, CRealm: "CORP.EXAMPLE", CName: ticket.client, Ticket: ticket.ticket, EncPart: sealed,
	}}
	if b, err = reply.Marshal(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(proof(f, ticket.key, messages.EncAPRepPart{CTime: time.Unix(1, 0).UTC()}))
	kdc := KDC{Realm: "CORP.EXAMPLE", Clock: time.Now}
	f.Fuzz(func(t *testing.T, b []byte) {
		if refusal, data := kdc.refusal(b); refusal != nil {
			if strings.Contains(refusal.Error(), "\x00\x00\x00\x00") && len(refusal.Text) > maxText {
				t.Error("unbounded")
			}
			status(data)
		}
		if hints, err := kdc.preauthentication(b); err == nil {
			_, _ = offers(hints)
		}
		if _, err := readAS(b, ticket.key, messages.ASReq{}); err == nil {
			t.Error("forged a reply")
		}
		if _, err := readTGS(b, ticket.key, messages.KDCReqBody{}); err == nil {
			t.Error("forged a reply")
		}
		c := &Context{ticket: ticket, auth: types.Authenticator{CTime: time.Now()}}
		if c.Accept(b, time.Now()) == nil {
			t.Error("forged a proof")
		}
	})
}
