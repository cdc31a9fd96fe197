package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"homeward/internal/agent/setup"
	"homeward/internal/build"
	"homeward/internal/connect"
)

// Connect holds the wizard, and what else is done before there is an agent.
type Connect struct {
	Wizard  Wizard  `cmd:"" default:"withargs" help:"Set up this server's agent, or change how it is set up: asks, shows the plan, then does it."`
	Preview Preview `cmd:"" help:"Read the directory and list whom a sync would join, make, leave out or find in conflict, and why. Changes nothing."`
}

// Wizard asks, plans and does.
type Wizard struct {
	File
	Answers   string `help:"File of answers. Where it exists nothing is asked; else it is written. It holds no secrets." type:"path" placeholder:"FILE"`
	Plain     bool   `help:"One question a line, for screen readers and remote shells."`
	Export    string `help:"Write the configuration for another machine, without secrets, and end." type:"path" placeholder:"FILE"`
	Import    string `help:"Begin with a configuration that another machine exported." type:"path" placeholder:"FILE"`
	PrintUnit bool   `help:"Print a systemd unit for the agent, and end."`
}

// Run implements the verb.
func (v *Wizard) Run(ctx context.Context, s Streams) error {
	switch {
	case v.PrintUnit:
		path, verbs, err := setup.Program()
		if err != nil {
			return err
		}
		program := strings.TrimSpace(path + " " + verbs)
		_, err = fmt.Fprint(s.Out, setup.UnitText(program, v.Config))
		return err
	case v.Export != "":
		return v.export(s)
	}
	machine, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("machine name: %w", err)
	}
	log := &record{path: filepath.Join(filepath.Dir(v.Config), "connect.log")}
	defer log.close()
	world := connect.World{
		Cloud: &setup.Cloud{Machine: machine, Build: build.Version()}, Directory: setup.Directory{}, Administration: setup.Directory{},
		Host: setup.Host{Build: build.Version(), Machine: machine}, Now: time.Now, Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
	o := connect.Options{Config: v.Config, Answers: v.Answers, Import: v.Import, Build: build.Version(), Machine: machine, Color: coloured(s.Out)}
	o.ASCII = runtime.GOOS != "windows" && connect.ASCIIOnly(os.Getenv) // a Windows console gets UTF-16
	screen := screenOf(s)
	fits, why := screen.Fits()
	if asks := !v.Plain && !o.HasAnswers(); asks && fits {
		err = connect.RunScreens(ctx, o, world, screen)
	} else {
		if asks && why != "" {
			_, _ = fmt.Fprintln(s.Out, why+": one question is asked a line.")
		}
		err = connect.RunLines(ctx, o, world, connect.Lines{In: s.In, Out: s.Out, Secret: func() ([]byte, error) { return readSecret(s.In) }})
	}
	if errors.Is(err, connect.ErrUnfinished) {
		return ErrTold
	}
	return err
}

func screenOf(s Streams) connect.Screen {
	in, _ := s.In.(*os.File)
	out, _ := s.Out.(*os.File)
	return connect.Screen{In: in, Out: out}
}

func (v *Wizard) export(s Streams) error {
	b, err := connect.Export(v.Config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(v.Export, b, 0o600); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	_, err = fmt.Fprintf(s.Out, "Written to %s, without secrets.\nOn the other machine: homeward-agent connect --import %s\nwith a code made by: homeward agent code --replaces AGENT\n",
		v.Export, filepath.Base(v.Export))
	return err
}

// record is the wizard's log file, made when the first line is written: until then nothing is.
type record struct {
	path string

	mu   sync.Mutex
	file *os.File
}

// Write implements io.Writer.
func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		if err := os.MkdirAll(filepath.Dir(r.path), 0o750); err != nil {
			return 0, err
		}
		f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		r.file = f
	}
	return r.file.Write(b)
}

func (r *record) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		_ = r.file.Close()
	}
}
