package protocol

// What the Connect wizard asks the portal over HTTPS before there is an agent, version 3. Nothing of it changes or uses
// up anything.

// SetupRequest asks, with a one-time code, for what the wizard checks its pages with. POST /enrol/check, answered by a
// SetupAnswer or a Problem (ReasonCodeUnknown).
type SetupRequest struct {
	Version int    `json:"v"`
	Code    string `json:"code"`
}

// SetupAnswer is what the portal knows.
type SetupAnswer struct {
	Version    int      `json:"v"`
	Tenant     string   `json:"tenant"`
	TenantName string   `json:"tenant_name"`
	Build      string   `json:"build"`
	At         Milli    `json:"at"`       // the server's clock
	Expires    Milli    `json:"expires"`  // of the code
	Domains    []string `json:"domains"`  // verified domains; none: every suffix is taken as it is
	Licensed   bool     `json:"licensed"` // the tenant may use password writeback
	Plans      []string `json:"plans"`    // subscribed SKUs by their product names, when licences matter
	Accounts   int      `json:"accounts"` // cloud accounts that exist without a directory
}

// DeviceRequest begins a sign-in by device code: somebody with a browser or the server's command line approves this
// machine, and the wizard is given a one-time code without anybody typing one. POST /enrol/device.
type DeviceRequest struct {
	Version int    `json:"v"`
	Machine string `json:"machine"`
	Build   string `json:"build"`
}

// DeviceAnswer names the request twice: UserCode is shown and approved, DeviceCode is the wizard's own secret.
type DeviceAnswer struct {
	Version    int    `json:"v"`
	UserCode   string `json:"user_code"` // such as FJ4K-82QP
	DeviceCode string `json:"device_code"`
	Expires    Milli  `json:"expires"`
	Interval   int    `json:"interval"` // seconds between polls
}

// DevicePoll asks whether it was approved. POST /enrol/device/poll, answered by DeviceResult.
type DevicePoll struct {
	Version    int    `json:"v"`
	DeviceCode string `json:"device_code"`
}

// DeviceResult is the state of a device's request.
type DeviceResult struct {
	Version int    `json:"v"`
	State   string `json:"state"`          // pending, approved, refused, expired
	Code    string `json:"code,omitempty"` // one-time enrolment code, told once
	By      string `json:"by,omitempty"`   // who approved
	At      Milli  `json:"at,omitempty"`
}
