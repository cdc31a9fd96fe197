package protocol

// What a sync would do, version 3. The server reaches the verdicts while an agent stages: an agent whose configuration says
// so, one that an administrator runs for it on the agent's machine, or one that the server asks. PreviewAsk lets whoever made
// the preview read them on the agent's own machine.

// PreviewRequest is the body of a Preview, in the place of a sealed secret. The header's anchor is empty: it names no
// person.
type PreviewRequest struct {
	Version int    `json:"v"`
	Domain  string `json:"domain"` // DNS name, as the agent's hello gave it
}

// PreviewBegun answers a Preview. The agent reads the domain beside what else it does, under a staging lease; how far that
// is the server sees from the batches.
type PreviewBegun struct {
	Version int    `json:"v"`
	Request string `json:"request"`
	Agent   string `json:"agent"`
	Domain  string `json:"domain"`
	Begun   bool   `json:"begun"`
	Reason  Reason `json:"reason,omitempty"` // why not: ReasonOverloaded means that one is being made
	At      Milli  `json:"at"`
}

// MaxPreviewRows is the most rows of one PreviewReport.
const MaxPreviewRows = 200

// PreviewAsk asks, on UpPreview, for the verdicts on a domain that were reached by its last staging run. The answer is a
// PreviewReport.
type PreviewAsk struct {
	Version int    `json:"v"`
	Agent   string `json:"agent"`
	Domain  string `json:"domain"`
	After   string `json:"after,omitempty"` // Next of the report before; empty: from the beginning
	Limit   int    `json:"limit,omitempty"` // rows, MaxPreviewRows at most; zero: that many
}

// PreviewReport is one page of verdicts. It has fewer rows than were asked for where they would not fit a message.
type PreviewReport struct {
	Version int            `json:"v"`
	OK      bool           `json:"ok"`
	Reason  Reason         `json:"reason,omitempty"`
	Message string         `json:"message,omitempty"` // what to do, in plain words, when not OK
	Counts  map[string]int `json:"counts,omitempty"`  // of all objects, by verdict
	Rows    []PreviewRow   `json:"rows,omitempty"`
	Next    string         `json:"next,omitempty"` // empty: that was all
	// Why says for each reason in Rows what it means and what to do about it.
	Why map[Reason]string `json:"why,omitempty"`
}

// PreviewRow is what would become of one object.
type PreviewRow struct {
	Verdict string `json:"verdict"`
	Name    string `json:"name"` // DOMAIN\sAMAccountName
	UPN     string `json:"upn,omitempty"`
	Address string `json:"address,omitempty"`
	Other   string `json:"other,omitempty"` // the account it would be joined to, or is in conflict with
	Reason  Reason `json:"reason,omitempty"`
}
