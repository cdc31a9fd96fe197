package control

import (
	"context"

	"homeward/internal/server/report"
	"homeward/internal/server/tenant"
)

// Reports says who can reset their password, with the agents that are connected now.
type Reports interface {
	Summary(ctx context.Context, t tenant.Tenant) (report.Summary, error)
	Part(ctx context.Context, t tenant.Tenant, after string) (people []report.Person, next string, err error)
}

// ReadyFor asks for a part of the report of who can reset: the people behind After. The answer is ReadyPart. PathSum takes a
// Query and answers with a report.Summary.
type ReadyFor struct {
	Tenant string `json:"tenant"`
	After  string `json:"after,omitempty"`
}

// ReadyPart is a part of the report. Next is where the next one begins; empty: this is the last.
type ReadyPart struct {
	People []report.Line `json:"people"`
	Next   string        `json:"next,omitempty"`
}

func (s *Service) ready(ctx context.Context, q ReadyFor) (ReadyPart, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return ReadyPart{}, err
	}
	people, next, err := s.Reports.Part(ctx, t, q.After)
	out := ReadyPart{People: make([]report.Line, len(people)), Next: next}
	for i, p := range people {
		out.People[i] = p.Line()
	}
	return out, err
}

func (s *Service) summary(ctx context.Context, q Query) (report.Summary, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return report.Summary{}, err
	}
	return s.Reports.Summary(ctx, t)
}
