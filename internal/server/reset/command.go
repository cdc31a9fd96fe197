package reset

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/provision"
)

// command builds a signed envelope of a question to an agent. The anchor is a person's, or for Prove the request asked
// about; body is what stands in the place of a sealed secret.
func (s *Service) command(ctx context.Context, a Attempt, agent string, op protocol.Operation, anchor, body []byte) ([]byte, error) {
	header, _, err := s.rawHeader(a, anchor, seal.KeyID{}, op)
	if err != nil {
		return nil, err
	}
	key, err := s.Command(ctx, agent)
	if err != nil {
		return nil, fmt.Errorf("sign command: %w", err)
	}
	e, err := seal.Sign(key, header, body)
	if err != nil {
		return nil, fmt.Errorf("sign command: %w", err)
	}
	return e.Marshal(), nil
}

// header fixes a request of the attempt's own operation.
func (s *Service) header(a Attempt, p provision.Person, key seal.KeyID) ([]byte, string, error) {
	anchor, err := hex.DecodeString(p.Object)
	if err != nil {
		return nil, "", fmt.Errorf("anchor of a person: %w", seal.ErrMalformed)
	}
	return s.rawHeader(a, anchor, key, a.Kind)
}

func (s *Service) rawHeader(a Attempt, anchor []byte, key seal.KeyID, op protocol.Operation) ([]byte, string, error) {
	var id seal.RequestID
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	now := s.Now()
	h := seal.Header{
		Tenant: a.Tenant, Key: key, Anchor: anchor, Operation: string(op), Request: id,
		Issued: now, AcceptBy: now.Add(acceptWithin), Expires: now.Add(requestLife),
	}
	b, err := h.Marshal()
	if err != nil {
		return nil, "", fmt.Errorf("request header: %w", err)
	}
	return b, requestHex(id), nil
}
