package server

import (
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/masterkey"
)

// openHelpdesk composes what operators do for people.
func (s *Server) openHelpdesk(key masterkey.Key, registered ways) (*helpdesk.Service, error) {
	forms, err := key.Derive("helpdesk forms")
	if err != nil {
		return nil, err
	}
	return helpdesk.New(helpdesk.Deps{
		People: s.store, Around: s.store, Records: s.store, Operators: s.store, Ways: registered, Limits: s.limits, Resets: s.resets,
		Record: s.record, FormKey: forms, Now: s.now, Log: s.log,
	}), nil
}
