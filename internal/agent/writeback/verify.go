package writeback

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"time"

	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// request is one message with what has been verified of it so far.
type request struct {
	op       protocol.Operation
	header   seal.Header // zero until the envelope decodes
	raw      []byte      // the header's canonical bytes
	sealed   []byte      // or the plain body of a question
	digest   [sha256.Size]byte
	guid     directory.GUID // the person; zero for Prove
	asked    seal.RequestID // Prove: the request asked about
	about    *protocol.Case // Prove: what the server knows of it, if it is another agent's
	test     protocol.TestRequest
	expiry   protocol.ExpiryRequest
	states   protocol.StatesRequest
	people   []directory.GUID // of expiry or states
	which    protocol.WhichRequest
	rules    protocol.RulesRequest
	banned   protocol.BannedPart
	preview  protocol.PreviewRequest
	checkup  protocol.CheckupRequest
	key      seal.PrivateKey
	received time.Time
	reply    func([]byte) error
}

// verify makes every test that needs neither the journal nor the directory, cheapest and most decisive
// first: nothing of an unsigned message is believed, not even for the wording of its refusal.
func (w *Writeback) verify(op protocol.Operation, data []byte) (*request, protocol.Reason) {
	r := &request{op: op, received: w.d.Now()}
	if len(data) > seal.MaxEnvelopeSize {
		return r, protocol.ReasonMalformed
	}
	envelope, err := seal.UnmarshalEnvelope(data)
	if err != nil {
		return r, decodeReason(err)
	}
	h, err := seal.UnmarshalHeader(envelope.Header)
	if err != nil {
		return r, decodeReason(err)
	}
	r.header, r.raw, r.sealed, r.digest = h, envelope.Header, envelope.Sealed, sha256.Sum256(data)
	switch {
	case !slices.ContainsFunc(w.d.CommandKeys(), envelope.Verify):
		return r, protocol.ReasonBadSignature
	case h.Tenant != w.d.Tenant:
		return r, protocol.ReasonWrongTenant
	case h.Operation != string(op):
		return r, protocol.ReasonMalformed
	case r.received.After(h.AcceptBy), h.Issued.After(r.received.Add(maxSkew)):
		return r, protocol.ReasonExpired
	}
	return r, w.verifyContent(r)
}

func decodeReason(err error) protocol.Reason {
	if errors.Is(err, seal.ErrVersion) {
		return protocol.ReasonVersion
	}
	return protocol.ReasonMalformed
}

// verifyContent tests what the operation needs. For Prove the header's anchor holds the id of the request
// asked about, because the header has no other field for it. What is not sealed travels in the sealed part's place:
// the signature covers it just the same.
func (w *Writeback) verifyContent(r *request) protocol.Reason {
	switch r.op {
	case protocol.Test, protocol.Expiry, protocol.States, protocol.Which, protocol.Rules, protocol.Banned, protocol.Checkup, protocol.Roll:
		if len(r.header.Anchor) != 0 || !r.openContent() {
			return protocol.ReasonMalformed
		}
		return protocol.ReasonNone
	}
	if r.op == protocol.Preview {
		if len(r.header.Anchor) != 0 || protocol.Decode(r.sealed, &r.preview) != nil || r.preview.Domain == "" {
			return protocol.ReasonMalformed
		}
		return protocol.ReasonNone
	}
	if len(r.header.Anchor) != len(directory.GUID{}) {
		return protocol.ReasonMalformed
	}
	switch r.op {
	case protocol.Reset, protocol.Change, protocol.AdminReset, protocol.Unlock, protocol.Policy, protocol.Probe:
		r.guid = directory.GUID(r.header.Anchor)
	case protocol.Prove:
		return r.proveContent()
	default:
		return protocol.ReasonMalformed
	}
	if (r.op.Secrets() > 0) != (len(r.sealed) > 0) {
		return protocol.ReasonMalformed
	}
	return protocol.ReasonNone
}

// openContent reads the body of a question that names no single person.
func (r *request) openContent() bool {
	switch r.op {
	case protocol.Test:
		return protocol.Decode(r.sealed, &r.test) == nil && r.test.Domain != ""
	case protocol.Which:
		return protocol.Decode(r.sealed, &r.which) == nil && r.which.Domain != "" && slices.Contains(protocol.Standings(), r.which.Standing)
	case protocol.Rules:
		return protocol.Decode(r.sealed, &r.rules) == nil && r.rules.Domain != ""
	case protocol.Banned:
		return protocol.Decode(r.sealed, &r.banned) == nil
	case protocol.Checkup:
		return protocol.Decode(r.sealed, &r.checkup) == nil
	case protocol.Roll:
		return protocol.Decode(r.sealed, &protocol.RollRequest{}) == nil
	}
	if r.op == protocol.States {
		return protocol.Decode(r.sealed, &r.states) == nil && r.names(r.states.Domain, r.states.People, protocol.MaxStates)
	}
	return protocol.Decode(r.sealed, &r.expiry) == nil && r.names(r.expiry.Domain, r.expiry.People, protocol.MaxExpiry)
}

// names reads whom a question is about.
func (r *request) names(domain string, people []string, most int) bool {
	if domain == "" || len(people) > most {
		return false
	}
	for _, hex := range people {
		guid, err := directory.ParseGUIDHex(hex)
		if err != nil {
			return false
		}
		r.people = append(r.people, guid)
	}
	return true
}

func (r *request) proveContent() protocol.Reason {
	r.asked = seal.RequestID(r.header.Anchor)
	if len(r.sealed) == 0 {
		return protocol.ReasonNone
	}
	var ok bool
	if r.about, ok = decodeCase(r.sealed, r.asked); !ok {
		return protocol.ReasonMalformed
	}
	return protocol.ReasonNone
}

// refuse answers a request that is not carried out, in the shape its requester expects.
func (w *Writeback) refuse(ctx context.Context, r *request, reason protocol.Reason) {
	w.log(ctx, slog.LevelWarn, refusalEvent(reason), r.op, r.header.Request, slog.String("reason", string(reason)))
	switch r.op {
	case protocol.Policy, protocol.Probe:
		w.answer(ctx, r, protocol.PersonPolicy{Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent, Reason: reason})
	case protocol.Test:
		w.answer(ctx, r, w.testResult(r, protocol.TestResult{Outcome: protocol.Failed, Reason: reason}))
	case protocol.Expiry:
		w.answer(ctx, r, protocol.ExpiryAnswer{Version: protocol.Version, Request: r.header.Request.String(), Reason: reason})
	case protocol.States:
		w.answer(ctx, r, protocol.StatesAnswer{Version: protocol.Version, Request: r.header.Request.String(), Reason: reason})
	case protocol.Which:
		w.answer(ctx, r, protocol.WhichAnswer{Version: protocol.Version, Request: r.header.Request.String(), Reason: reason})
	case protocol.Rules:
		w.answer(ctx, r, protocol.RulesAnswer{Version: protocol.Version, Request: r.header.Request.String(), Reason: reason})
	case protocol.Banned:
		w.answer(ctx, r, protocol.BannedAnswer{Version: protocol.Version, Request: r.header.Request.String(), Reason: reason})
	case protocol.Preview:
		w.answer(ctx, r, w.previewBegun(r, reason))
	case protocol.Checkup:
		w.answer(ctx, r, w.checkedUp(r, protocol.CheckupAnswer{Reason: reason}))
	case protocol.Roll:
		w.answer(ctx, r, w.rolled(r, "", reason))
	case protocol.Prove:
		w.answer(ctx, r, w.result(r.op, r.header.Request, protocol.Failed, reason, refusalEvent(reason)))
	default:
		w.answer(ctx, r, protocol.Accepted{
			Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent,
			Reason: reason, At: protocol.MilliOf(w.d.Now()),
		})
	}
}

// answer sends v on the reply inbox.
func (w *Writeback) answer(ctx context.Context, r *request, v any) {
	b, err := protocol.Encode(v)
	if err == nil {
		err = r.reply(b)
	}
	if err != nil {
		w.log(ctx, slog.LevelWarn, event.RelayError, r.op, r.header.Request, slog.Any("error", err))
	}
}

func (w *Writeback) result(op protocol.Operation, id seal.RequestID, o protocol.Outcome, reason protocol.Reason, code event.Code) protocol.Result {
	return protocol.Result{
		Version: protocol.Version, Request: id.String(), Agent: w.d.Agent, Operation: op,
		Outcome: o, Reason: reason, Event: int(code), At: protocol.MilliOf(w.d.Now()),
	}
}
