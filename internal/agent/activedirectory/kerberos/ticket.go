package kerberos

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// life is how long tickets are asked for. A connection lives ten minutes, and each signs in anew.
const life = time.Hour

// Ticket proves the identity to the KDC and returns a ticket for the service on the host. A wrong password is
// tried once.
func (k KDC) Ticket(ctx context.Context, who Identity, service, host string) (*Ticket, error) {
	if who.Cache != nil {
		return k.cached(ctx, who.Cache, service, host)
	}
	tgt, err := k.login(ctx, who, "krbtgt", k.Realm)
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Code == CodeKeyExpired {
		return nil, k.expired(ctx, who, refusal)
	}
	if err != nil {
		return nil, err
	}
	defer tgt.Wipe()
	return k.service(ctx, tgt, instance(service, host))
}

// expired finds out whether the expired password is the right one: a KDC may refuse it before it has looked, but
// gives a ticket for changing it to who knows it ([MS-KILE] 3.3.5.7, RFC 3244 2).
func (k KDC) expired(ctx context.Context, who Identity, refusal *Error) error {
	ticket, err := k.login(ctx, who, "kadmin", "changepw")
	if err == nil {
		ticket.Wipe()
		refusal.Proven = true
		return refusal
	}
	if again, ok := errors.AsType[*Error](err); ok && again.Code == CodeKeyExpired {
		return refusal
	}
	return err
}

func instance(parts ...string) types.PrincipalName {
	return types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: parts}
}

// principal is the name as Kerberos has it: one with a domain is looked for among the user principal names,
// never among the logon names, where it could be somebody else's.
func (i Identity) principal() types.PrincipalName {
	if strings.Contains(i.Name, "@") {
		return types.PrincipalName{NameType: nametype.KRB_NT_ENTERPRISE, NameString: []string{i.Name}}
	}
	return types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{i.Name}}
}

// login is the AS exchange (RFC 4120 3.1): the first request asks how the key is made, the second proves it.
func (k KDC) login(ctx context.Context, who Identity, service ...string) (*Ticket, error) {
	request, err := k.asRequest(who, instance(service...))
	if err != nil {
		return nil, err
	}
	reply, err := k.askAS(ctx, request)
	if err != nil {
		return nil, err
	}
	hints, err := k.preauthentication(reply)
	if err != nil {
		return nil, err
	}
	key, kvno, err := who.key(hints)
	if err != nil {
		return nil, err
	}
	defer clear(key.KeyValue)
	proof, err := k.timestamp(key, kvno)
	if err != nil {
		return nil, err
	}
	request.PAData = types.PADataSequence{proof}
	reply, err = k.askAS(ctx, request)
	if err != nil {
		return nil, err
	}
	if refusal, _ := k.refusal(reply); refusal != nil {
		return nil, refusal
	}
	return readAS(reply, key, request)
}

func (k KDC) askAS(ctx context.Context, request messages.ASReq) ([]byte, error) {
	b, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the request to Kerberos: %w", err)
	}
	return k.ask(ctx, b)
}

func (k KDC) asRequest(who Identity, service types.PrincipalName) (messages.ASReq, error) {
	body, err := k.body(service)
	if err != nil {
		return messages.ASReq{}, err
	}
	body.CName = who.principal()
	if body.CName.NameType == nametype.KRB_NT_ENTERPRISE {
		types.SetFlag(&body.KDCOptions, flags.Canonicalize) // RFC 6806 5
	}
	return messages.ASReq{KDCReqFields: messages.KDCReqFields{PVNO: iana.PVNO, MsgType: msgtype.KRB_AS_REQ, ReqBody: body}}, nil
}

func (k KDC) body(service types.PrincipalName) (messages.KDCReqBody, error) {
	nonce, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
	if err != nil {
		return messages.KDCReqBody{}, fmt.Errorf("draw a nonce: %w", err)
	}
	return messages.KDCReqBody{
		KDCOptions: types.NewKrbFlags(), Realm: k.Realm, SName: service, Till: k.Clock().UTC().Add(life),
		Nonce: int(nonce.Int64()), EType: etypes(),
	}, nil
}

// preauthentication returns what the KDC says about keys, whether it demands a proof or would do without.
func (k KDC) preauthentication(reply []byte) (types.PADataSequence, error) {
	if refusal, data := k.refusal(reply); refusal != nil {
		if refusal.Code != errorcode.KDC_ERR_PREAUTH_REQUIRED {
			return nil, refusal
		}
		var hints types.PADataSequence
		if err := hints.Unmarshal(data); err != nil {
			return nil, fmt.Errorf("%w: its list of proofs is garbled", ErrProtocol)
		}
		return hints, nil
	}
	var rep messages.ASRep
	if err := rep.Unmarshal(reply); err != nil {
		return nil, fmt.Errorf("%w: its answer is garbled", ErrProtocol)
	}
	return rep.PAData, nil
}

// offer is one way to make the key (RFC 4120 5.2.7.5).
type offer struct {
	etype int32
	salt  string
}

// iterations is what Active Directory uses with AES, and RFC 3962's default. Another number is somebody's
// attempt to make the proof cheap to guess from, or this machine busy.
const iterations = 4096

func offers(hints types.PADataSequence) ([]offer, error) {
	var out []offer
	for _, pa := range hints {
		if pa.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		var list types.ETypeInfo2
		if _, err := asn1.Unmarshal(pa.PADataValue, &list); err != nil {
			return nil, fmt.Errorf("%w: its list of keys is garbled", ErrProtocol)
		}
		for _, e := range list {
			if !known(e.EType) {
				continue
			}
			if len(e.S2KParams) != 0 && (len(e.S2KParams) != 4 || binary.BigEndian.Uint32(e.S2KParams) != iterations) {
				return nil, fmt.Errorf("%w: it wants keys made in an unusual number of rounds (%s)", ErrProtocol, hex.EncodeToString(e.S2KParams))
			}
			out = append(out, offer{e.EType, e.Salt})
		}
	}
	return out, nil
}

// ErrNoAES means that the account has no AES keys in the directory.
var ErrNoAES = errors.New("the controller has no AES keys for this account: set its password anew, " +
	"and let it use AES (msDS-SupportedEncryptionTypes)")

// key makes or finds the key that proves the identity.
func (i Identity) key(hints types.PADataSequence) (types.EncryptionKey, int, error) {
	list, err := offers(hints)
	if err != nil {
		return types.EncryptionKey{}, 0, err
	}
	if len(list) == 0 {
		return types.EncryptionKey{}, 0, ErrNoAES
	}
	if i.Keytab != nil {
		return i.Keytab.key(i.Name, list)
	}
	best := list[0]
	et, err := crypto.GetEtype(best.etype)
	if err != nil {
		return types.EncryptionKey{}, 0, fmt.Errorf("encryption type %d: %w", best.etype, err)
	}
	value, err := et.StringToKey(string(i.Password), best.salt, et.GetDefaultStringToKeyParams())
	if err != nil {
		return types.EncryptionKey{}, 0, errors.New("derive the key from the password")
	}
	return types.EncryptionKey{KeyType: best.etype, KeyValue: value}, 0, nil
}

// timestamp is the proof: the time, encrypted (RFC 4120 5.2.7.2).
func (k KDC) timestamp(key types.EncryptionKey, kvno int) (types.PAData, error) {
	now := k.Clock().UTC()
	plain, err := asn1.Marshal(types.PAEncTSEnc{PATimestamp: now, PAUSec: microseconds(now)})
	if err != nil {
		return types.PAData{}, fmt.Errorf("encode the time: %w", err)
	}
	sealed, err := crypto.GetEncryptedData(plain, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, kvno)
	if err != nil {
		return types.PAData{}, errors.New("encrypt the time")
	}
	b, err := sealed.Marshal()
	if err != nil {
		return types.PAData{}, fmt.Errorf("encode the proof: %w", err)
	}
	return types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: b}, nil
}

func microseconds(t time.Time) int { return t.Nanosecond() / 1000 }

func readAS(reply []byte, key types.EncryptionKey, request messages.ASReq) (*Ticket, error) {
	var rep messages.ASRep
	if err := rep.Unmarshal(reply); err != nil {
		return nil, fmt.Errorf("%w: its answer is garbled", ErrProtocol)
	}
	part, err := openReply(rep.EncPart, key, keyusage.AS_REP_ENCPART)
	if err != nil {
		return nil, err
	}
	// The name may be another spelling of the one that was asked for (RFC 6806 7).
	return newTicket(rep.KDCRepFields, part, request.ReqBody)
}

func openReply(sealed types.EncryptedData, key types.EncryptionKey, usage uint32) (messages.EncKDCRepPart, error) {
	var part messages.EncKDCRepPart
	if sealed.EType != key.KeyType {
		return part, fmt.Errorf("%w: its answer is encrypted with type %d, not %d", ErrProtocol, sealed.EType, key.KeyType)
	}
	plain, err := decrypt(key, sealed.Cipher, usage)
	if err != nil {
		return part, err
	}
	defer clear(plain)
	if err := part.Unmarshal(plain); err != nil {
		return part, fmt.Errorf("%w: what its answer holds is garbled", ErrProtocol)
	}
	return part, nil
}

// newTicket checks that the answer belongs to the request (RFC 4120 3.1.5, 3.3.4).
func newTicket(rep messages.KDCRepFields, part messages.EncKDCRepPart, asked messages.KDCReqBody) (*Ticket, error) {
	switch {
	case part.Nonce != asked.Nonce:
		return nil, fmt.Errorf("%w: its answer belongs to another request", ErrProtocol)
	case !sameName(part.SName, asked.SName) || !strings.EqualFold(part.SRealm, asked.Realm):
		return nil, fmt.Errorf("%w: it sent a ticket for %s of %s, not for %s of %s: the name belongs to another domain", ErrProtocol,
			part.SName.PrincipalNameString(), part.SRealm, asked.SName.PrincipalNameString(), asked.Realm)
	case len(rep.CName.NameString) == 0 || !sameName(rep.Ticket.SName, asked.SName):
		return nil, fmt.Errorf("%w: it sent a ticket of or for nobody", ErrProtocol)
	}
	if err := checkKey(part.Key); err != nil {
		return nil, err
	}
	return &Ticket{ticket: rep.Ticket, key: part.Key, client: rep.CName, realm: rep.CRealm, Expires: part.EndTime}, nil
}

func sameName(a, b types.PrincipalName) bool {
	return slices.EqualFunc(a.NameString, b.NameString, strings.EqualFold)
}

// service is the TGS exchange (RFC 4120 3.3).
func (k KDC) service(ctx context.Context, tgt *Ticket, name types.PrincipalName) (*Ticket, error) {
	body, err := k.body(name)
	if err != nil {
		return nil, err
	}
	proof, err := k.tgsProof(tgt, body)
	if err != nil {
		return nil, err
	}
	request := messages.TGSReq{KDCReqFields: messages.KDCReqFields{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_TGS_REQ, ReqBody: body,
		PAData: types.PADataSequence{{PADataType: patype.PA_TGS_REQ, PADataValue: proof}},
	}}
	b, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the request to Kerberos: %w", err)
	}
	reply, err := k.ask(ctx, b)
	if err != nil {
		return nil, err
	}
	if refusal, _ := k.refusal(reply); refusal != nil {
		return nil, refusal
	}
	return readTGS(reply, tgt.key, body)
}

func readTGS(reply []byte, key types.EncryptionKey, asked messages.KDCReqBody) (*Ticket, error) {
	var rep messages.TGSRep
	if err := rep.Unmarshal(reply); err != nil {
		return nil, fmt.Errorf("%w: its answer is garbled", ErrProtocol)
	}
	part, err := openReply(rep.EncPart, key, keyusage.TGS_REP_ENCPART_SESSION_KEY)
	if err != nil {
		return nil, err
	}
	return newTicket(rep.KDCRepFields, part, asked)
}

// tgsProof is the AP-REQ that comes with a request for a service ticket (RFC 4120 5.2.7.1).
func (k KDC) tgsProof(tgt *Ticket, body messages.KDCReqBody) ([]byte, error) {
	b, err := body.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the request to Kerberos: %w", err)
	}
	et, err := crypto.GetEtype(tgt.key.KeyType)
	if err != nil {
		return nil, fmt.Errorf("encryption type %d: %w", tgt.key.KeyType, err)
	}
	sum, err := et.GetChecksumHash(tgt.key.KeyValue, b, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM)
	if err != nil {
		return nil, errors.New("compute the checksum of the request to Kerberos")
	}
	now := k.Clock().UTC()
	return apRequest(tgt, types.Authenticator{
		AVNO: iana.PVNO, CRealm: tgt.realm, CName: tgt.client, CTime: now, Cusec: microseconds(now),
		Cksum: types.Checksum{CksumType: et.GetHashID(), Checksum: sum},
	}, false)
}

// apRequest presents a ticket (RFC 4120 5.5.1).
func apRequest(t *Ticket, a types.Authenticator, mutual bool) ([]byte, error) {
	request, err := messages.NewAPReq(t.ticket, t.key, a)
	if err != nil {
		return nil, errors.New("encrypt the authenticator")
	}
	if mutual {
		types.SetFlag(&request.APOptions, flags.APOptionMutualRequired)
	}
	b, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the ticket: %w", err)
	}
	return b, nil
}
