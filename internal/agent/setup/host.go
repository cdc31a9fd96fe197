package setup

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"homeward/internal/agent"
	"homeward/internal/agent/checkup"
	"homeward/internal/config"
	"homeward/internal/connect"
	"homeward/internal/doctor"
)

// Service is the service's name on Windows.
const Service = "HomewardAgent"

// unit is the service's name for systemd.
const unit = "homeward-agent.service"

// unitFile is where it is looked for.
const unitFile = "/etc/systemd/system/" + unit

// Host is this machine.
type Host struct{ Build, Machine string }

// Findings implements connect.Host.
func (h Host) Findings(context.Context) []doctor.Finding {
	return []doctor.Finding{{Name: "machine", Status: doctor.OK, Text: agent.System() + ", " + h.Machine}}
}

// managed reports whether systemd runs here and knows the agent.
func managed() bool {
	if runtime.GOOS != "linux" {
		return false
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return false
	}
	_, err := os.Stat(unitFile)
	return err == nil
}

// Start implements connect.Host.
func (h Host) Start(ctx context.Context, configFile string) ([]doctor.Finding, error) {
	if !managed() {
		return []doctor.Finding{{Name: "service", Status: doctor.Note, Text: howToStart(configFile)}}, nil
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", unit}, {"restart", unit}, {"is-active", "--quiet", unit}} {
		if err := systemctl(ctx, args...); err != nil {
			return nil, err
		}
	}
	return []doctor.Finding{{Name: "service", Status: doctor.OK, Text: "service " + unit + " runs"}}, nil
}

// Program is this program as a service starts it: its path, and the verbs before an agent's own.
func Program() (path, verbs string, err error) {
	path, err = os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("this program's own path: %w", err)
	}
	if name := strings.TrimSuffix(filepath.Base(path), ".exe"); name == "homeward" {
		verbs = "agent "
	}
	return path, verbs, nil
}

func howToStart(configFile string) string {
	if runtime.GOOS == "windows" {
		path, verbs, err := Program()
		if err != nil {
			path = `C:\Program Files\Homeward\homeward-agent.exe`
		}
		return "make it a service, in an elevated Command Prompt: " + serviceCommand(path, verbs, configFile) + " and then: sc.exe start " + Service
	}
	return "no service is installed: start the agent with homeward-agent run --config " + configFile +
		", or install one: homeward-agent connect --print-unit > " + unitFile
}

// serviceCommand makes the Windows service, which starts with the machine and again when it fails. sc.exe wants the blank
// behind each equals sign, and both paths in quotes: one with a blank could otherwise start another program.
func serviceCommand(path, verbs, configFile string) string {
	return `sc.exe create ` + Service + ` start= delayed-auto DisplayName= "Homeward agent" binPath= "\"` + path + `\" ` + verbs + `run --config \"` + configFile +
		`\"" && sc.exe failure ` + Service + ` reset= 86400 actions= restart/2000/restart/2000/restart/2000`
}

// Stop implements connect.Host.
func (Host) Stop(ctx context.Context, _ string) ([]doctor.Finding, error) {
	if !managed() {
		return []doctor.Finding{{Name: "service", Status: doctor.Note, Text: "no service is installed: an agent that was started by hand is ended by hand"}}, nil
	}
	if err := systemctl(ctx, "disable", "--now", unit); err != nil {
		return nil, err
	}
	return []doctor.Finding{{Name: "service", Status: doctor.OK, Text: "service stopped"}}, nil
}

const systemctlTime = 60 * time.Second

func systemctl(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, systemctlTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w %s (journalctl -u %s tells more)", strings.Join(args, " "), err, strings.TrimSpace(string(out)), unit)
	}
	return nil
}

// Doctor implements connect.Host.
func (h Host) Doctor(ctx context.Context, configFile string) (doctor.Report, error) {
	c, err := config.LoadAgent(configFile, os.Environ())
	if err != nil {
		return doctor.Report{}, err
	}
	dirs, err := agent.OpenDirectories(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return doctor.Report{}, err
	}
	defer func() { _ = dirs.Close() }()
	visit := &checkup.Checkup{Config: c, Dirs: dirs, Now: time.Now}
	report := visit.Named(doctor.Run(ctx, visit.Checks()))
	return report, ctx.Err()
}

// UnitText is a systemd unit for the agent.
func UnitText(program, configFile string) string {
	return `[Unit]
Description=Homeward agent
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=` + program + ` run --config ` + configFile + `
Restart=always
RestartSec=2
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes
StateDirectory=homeward-agent
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target
`
}

var _ connect.Host = Host{}
