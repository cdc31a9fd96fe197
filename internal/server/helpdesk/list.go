package helpdesk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// Part is how many people Walk reads at once.
const Part = 200

const (
	// pageSize is how many people a page lists.
	pageSize = 25
	// mostJudged bounds how many people are judged for one page when only some of them are wanted.
	mostJudged = Part
)

// Query is what a page of people is asked for by.
type Query struct {
	Find    string
	Account provision.AccountState
	Source  provision.Source
	// Can chooses by whether somebody can reset, by what the server knows; empty: everybody.
	Can reset.GateState
	// Objects bounds it to these accounts, by objectGUID in hex; nil: whatever account.
	Objects       []string
	After, Before string
}

// Row is one person of a page.
type Row struct {
	Person   provision.Person
	Standing reset.Standing // by what the server knows; no agent is asked
	Methods  int
	Last     audit.Record // of a password write; the zero one: there was none
}

// Page is a page of people, by name. Next and Previous are ids to ask for the pages beside it; empty: there is none.
type Page struct {
	Rows           []Row
	Next, Previous string
	Looked         int  // how many people were judged to find these; zero: everybody is wanted
	Scoped         bool // the operator may find some people only
	Total          int  // people of the tenant; for those who may find everybody
	// Found is how many the query finds on all pages, Passed how many of them stand before this one. They are counted only where
	// everybody is wanted: whether somebody can reset isn't the database's to say.
	Found, Passed int
}

// List returns a page of the people whom the operator may find.
func (s *Service) List(ctx context.Context, t tenant.Tenant, by operator.Operator, q Query) (Page, error) {
	reach, err := s.reach(ctx, t, by)
	if err != nil {
		return Page{}, err
	}
	page := Page{Scoped: reach != nil}
	if reach == nil {
		if page.Total, err = s.People.CountPeople(ctx, t.ID); err != nil {
			return Page{}, fmt.Errorf("count people: %w", err)
		}
	}
	size := pageSize
	if q.Can != "" {
		size, q.Before = mostJudged, "" // the way back through a filter that isn't the database's is the browser's
	}
	search := provision.Search{
		Find: q.Find, Reach: reach, Objects: q.Objects, Account: q.Account, Source: q.Source, After: q.After, Before: q.Before, Limit: size + 1,
	}
	found, err := s.People.SearchPeople(ctx, t.ID, search)
	if err != nil {
		return Page{}, fmt.Errorf("list people: %w", err)
	}
	more := len(found) > size
	if more && q.Before != "" {
		found = found[1:]
	} else if more {
		found = found[:size]
	}
	if page.Rows, page.Looked, err = s.judged(ctx, t, found, q.Can); err != nil {
		return Page{}, err
	}
	if n := len(found); n > 0 {
		last := found[n-1]
		if page.Looked > 0 && page.Looked < n {
			last, more = found[page.Looked-1], true
		}
		if more || q.Before != "" {
			page.Next = last.ID
		}
		if q.Can == "" && (q.After != "" || q.Before != "" && more) {
			page.Previous = found[0].ID
		}
	}
	if q.Can == "" && len(page.Rows) > 0 {
		err = s.count(ctx, t, &page, search)
	}
	return page, err
}

// count says where a page stands among all that the query finds.
func (s *Service) count(ctx context.Context, t tenant.Tenant, page *Page, search provision.Search) (err error) {
	search.After, search.Before = "", ""
	if page.Found, err = s.People.CountFound(ctx, t.ID, search); err != nil {
		return err
	}
	if page.Found > len(page.Rows) {
		search.Before = page.Rows[0].Person.ID
		page.Passed, err = s.People.CountFound(ctx, t.ID, search)
	}
	return err
}

// Walk calls do with every person whom the operator may find and the query asks for, by name, a part at a time, until do returns
// an error.
func (s *Service) Walk(ctx context.Context, t tenant.Tenant, by operator.Operator, q Query, do func(Row) error) error {
	reach, err := s.reach(ctx, t, by)
	if err != nil {
		return err
	}
	search := provision.Search{Find: q.Find, Reach: reach, Objects: q.Objects, Account: q.Account, Source: q.Source, Limit: mostJudged}
	for {
		people, err := s.People.SearchPeople(ctx, t.ID, search)
		if err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		for some := range slices.Chunk(people, pageSize) { // of which judged leaves out none that fits
			rows, _, err := s.judged(ctx, t, some, q.Can)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if err := do(r); err != nil {
					return err
				}
			}
		}
		if len(people) < mostJudged {
			return nil
		}
		search.After = people[len(people)-1].ID
	}
}

// judged judges people until a page is full.
func (s *Service) judged(ctx context.Context, t tenant.Tenant, people []provision.Person, can reset.GateState) (rows []Row, looked int, err error) {
	standings, err := s.Resets.Judge(t).Crowd(ctx, people)
	if err != nil {
		return nil, 0, fmt.Errorf("judge people: %w", err)
	}
	for i, p := range people {
		standing := standings[i]
		if can != "" {
			looked = i + 1
			if standing.Can() != can {
				continue
			}
		}
		row := Row{Person: p, Standing: standing}
		for _, g := range standing.Gates {
			if g.ID == reset.GateMethods {
				row.Methods = g.Have
			}
		}
		if row.Last, err = s.last(ctx, t, p.ID); err != nil {
			return nil, 0, err
		}
		if rows = append(rows, row); can != "" && len(rows) == pageSize {
			break
		}
	}
	return rows, looked, nil
}

func (s *Service) last(ctx context.Context, t tenant.Tenant, person string) (audit.Record, error) {
	found, err := s.Records.LastWrite(ctx, t.ID, person)
	if err != nil || len(found) == 0 {
		return audit.Record{}, err
	}
	return found[0], nil
}

// BySupport returns whom a support code is about, if the operator may find them; otherwise ErrNoPerson.
func (s *Service) BySupport(ctx context.Context, t tenant.Tenant, by operator.Operator, support string) (provision.Person, error) {
	rows, err := s.Records.Records(ctx, t.ID, support)
	if err != nil {
		return provision.Person{}, fmt.Errorf("support code: %w", err)
	}
	for _, r := range rows {
		if r.Target == "" {
			continue
		}
		if p, err := s.Find(ctx, t, by, r.Target); !errors.Is(err, ErrNoPerson) {
			return p, err
		}
	}
	return provision.Person{}, ErrNoPerson
}
