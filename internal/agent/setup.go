package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/config"
	"homeward/internal/protocol"
)

// CheckCode asks the portal what it knows of a one-time code. It doesn't use the code up.
func CheckCode(ctx context.Context, c config.Agent, code string) (protocol.SetupAnswer, error) {
	var answer protocol.SetupAnswer
	err := post(ctx, c, setupAddress(c, "check"), protocol.SetupRequest{Version: protocol.Version, Code: code}, &answer)
	if err != nil {
		return answer, fmt.Errorf("check the one-time code: %w", err)
	}
	return answer, nil
}

// Bounds of the pause between two polls, whatever the server asks for.
const minPoll, maxPoll = 100 * time.Millisecond, 30 * time.Second

// DeviceCode begins a sign-in by device code, tells shown what to approve, and waits until somebody did or it is over.
// The code in its answer is a one-time enrolment code.
func DeviceCode(ctx context.Context, c config.Agent, machine, build string, shown func(protocol.DeviceAnswer)) (protocol.DeviceResult, error) {
	var begun protocol.DeviceAnswer
	var result protocol.DeviceResult
	err := post(ctx, c, setupAddress(c, "device"), protocol.DeviceRequest{Version: protocol.Version, Machine: machine, Build: build}, &begun)
	if err != nil {
		return result, fmt.Errorf("begin the sign-in: %w", err)
	}
	shown(begun)
	tick := time.NewTicker(min(max(time.Duration(begun.Interval)*time.Second, minPoll), maxPoll))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return result, ctx.Err()
		case <-tick.C:
		}
		err := post(ctx, c, setupAddress(c, "device/poll"), protocol.DevicePoll{Version: protocol.Version, DeviceCode: begun.DeviceCode}, &result)
		if err != nil {
			return result, fmt.Errorf("wait for the approval: %w", err)
		}
		if result.State != "pending" {
			return result, nil
		}
	}
}

func setupAddress(c config.Agent, path string) string {
	return strings.TrimRight(c.Server, "/") + "/enrol/" + path
}
