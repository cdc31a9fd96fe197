package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server/control"
	"homeward/internal/server/verify"
)

type callerVerbs struct {
	Verify callerVerify `cmd:"" help:"Do all of it at a terminal: choose a way, send a code, check what the caller reads out. Exit code 1: they haven't shown that it is them."`
	Ways   callerWays   `cmd:"" help:"List the ways by which somebody on the telephone can prove who they are."`
	Ask    callerAsk    `cmd:"" help:"Send a code to one of them; an authenticator app shows one by itself."`
	Check  callerCheck  `cmd:"" help:"Check the code that the caller has read out, read from the terminal or standard input. Exit code 1: it isn't right."`
}

// mostTyped bounds a line that is typed: a number or a code.
const mostTyped = 64

// askCaller asks the server one question about a caller.
func (v *onePerson) askCaller(ctx context.Context, s command.Streams, path string, q control.Caller, into any) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		q.Tenant, q.Operator, q.Name = id, operator(), v.Name
		return c.Call(ctx, path, q, into)
	})
}

type callerWays struct{ onePerson }

// Answer implements cli.Answering.
func (callerWays) Answer() any { return control.Ways{} }

// Run implements the verb.
func (v *callerWays) Run(ctx context.Context, s command.Streams) error {
	var w control.Ways
	if err := v.askCaller(ctx, s, control.PathWays, control.Caller{}, &w); err != nil {
		return err
	}
	t := v.table(noWay(v.Name), "WAY", "KIND", "DESTINATION")
	for _, one := range w.Ways {
		t.Add(one.Way, one.Kind, one.Masked)
	}
	return v.print(s, w, t)
}

func noWay(name string) string {
	return name + " has no way to prove who they are on the telephone: make sure of it otherwise."
}

type callerAsk struct {
	onePerson

	Way string `arg:"" help:"One of those that caller ways lists, such as mail, text or app." complete:"mail,text,app"`
}

// Answer implements cli.Answering.
func (callerAsk) Answer() any { return control.Asked{} }

// Run implements the verb. What the next verb takes is on standard output alone.
func (v *callerAsk) Run(ctx context.Context, s command.Streams) error {
	var a control.Asked
	if err := v.askCaller(ctx, s, control.PathAsk, control.Caller{Way: v.Way}, &a); err != nil {
		return err
	}
	if v.JSON {
		return answer.JSON(s.Out, a)
	}
	_, _ = fmt.Fprintf(s.Err, "%s (%s)\nThen: homeward people caller check %s ATTEMPT, with\n", asked(v.Way), a.Support, v.Name)
	_, err := fmt.Fprintln(s.Out, a.Attempt)
	return err
}

func asked(way string) string {
	if strings.HasPrefix(way, string(verify.App)) {
		return "Ask the caller for the code that their authenticator app shows now."
	}
	return "A code is on its way. Ask the caller to read it out."
}

type callerCheck struct {
	onePerson

	Attempt string `arg:"" help:"What caller ask has printed."`
}

// Answer implements cli.Answering.
func (callerCheck) Answer() any { return control.Heard{} }

// Run implements the verb.
func (v *callerCheck) Run(ctx context.Context, s command.Streams) error {
	code, err := typed(bufio.NewReaderSize(s.In, mostTyped), s, "Code that the caller reads out: ")
	if err != nil {
		return err
	}
	if code == "" {
		return cli.Wrong(errors.New("no code was given: type it, or pipe it to standard input"))
	}
	var h control.Heard
	if err := v.askCaller(ctx, s, control.PathHear, control.Caller{Attempt: v.Attempt, Code: code}, &h); err != nil {
		return err
	}
	if v.JSON {
		err = answer.JSON(s.Out, h)
	} else {
		_, err = fmt.Fprintln(s.Out, heard(h))
	}
	return errors.Join(err, toldIf(!h.Right))
}

// heard says what an answer was worth.
func heard(h control.Heard) string {
	switch h.Result {
	case verify.OK:
		return "Right: the caller is who they say."
	case verify.Wrong:
		if h.Remaining > 0 {
			return fmt.Sprintf("That isn't the code. Tries left: %d", h.Remaining)
		}
		return "That isn't the code."
	case verify.Expired, verify.TooMany, verify.None:
	}
	return "Nothing can be read out for this any more: only a new code helps."
}

// typed reads one line, and asks for it at a terminal. Nothing, the end of the input, is empty.
func typed(in *bufio.Reader, s command.Streams, question string) (string, error) {
	if command.Terminal(s.In) {
		_, _ = fmt.Fprint(s.Err, question)
	}
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", cli.Wrong(errors.New("that line is too long"))
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("read what is typed: %w", err)
	}
	return strings.TrimSpace(string(line)), nil
}

type callerVerify struct {
	onePerson

	Way string `help:"One of those that caller ways lists; without it you choose." placeholder:"WAY" complete:"mail,text,app"`
}

// callerVerified is what came of it.
type callerVerified struct {
	Right   bool   `json:"right" about:"They are who they say."`
	Way     string `json:"way"`
	Support string `json:"support" about:"Support code: the audit log tells of it by this."`
}

// Answer implements cli.Answering.
func (callerVerify) Answer() any { return callerVerified{} }

// Run implements the verb.
func (v *callerVerify) Run(ctx context.Context, s command.Streams) error {
	in := bufio.NewReaderSize(s.In, mostTyped)
	way, err := v.choose(ctx, s, in)
	if err != nil {
		return err
	}
	var a control.Asked
	if err := v.askCaller(ctx, s, control.PathAsk, control.Caller{Way: way}, &a); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.Err, "%s (%s)\n", asked(way), a.Support)
	right, err := v.hear(ctx, s, in, a)
	if err != nil {
		return err
	}
	if v.JSON {
		err = answer.JSON(s.Out, callerVerified{right, way, a.Support})
	}
	return errors.Join(err, toldIf(!right))
}

// choose is the way that was named, the only one, or the one chosen by its number.
func (v *callerVerify) choose(ctx context.Context, s command.Streams, in *bufio.Reader) (string, error) {
	if v.Way != "" {
		return v.Way, nil
	}
	var w control.Ways
	if err := v.askCaller(ctx, s, control.PathWays, control.Caller{}, &w); err != nil {
		return "", err
	}
	switch {
	case len(w.Ways) == 0:
		return "", errors.New(noWay(v.Name))
	case len(w.Ways) == 1:
		return w.Ways[0].Way, nil
	}
	t := v.table("", "NUMBER", "WAY", "DESTINATION")
	for i, one := range w.Ways {
		t.Add(i+1, one.Way, one.Masked)
	}
	if err := t.Write(s.Err); err != nil {
		return "", err
	}
	text, err := typed(in, s, "Number of the way: ")
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(w.Ways) {
		return "", cli.Wrong(fmt.Errorf("%q is no number of a way: use 1 to %d, or --way", text, len(w.Ways)))
	}
	return w.Ways[n-1].Way, nil
}

// hear tries what is typed until it is right, or no try helps any more.
func (v *callerVerify) hear(ctx context.Context, s command.Streams, in *bufio.Reader, a control.Asked) (bool, error) {
	for {
		code, err := typed(in, s, "Code that the caller reads out: ")
		if err != nil {
			return false, err
		}
		if code == "" {
			return false, errors.New("no code was read out")
		}
		var h control.Heard
		if err := v.askCaller(ctx, s, control.PathHear, control.Caller{Attempt: a.Attempt, Code: code}, &h); err != nil {
			return false, err
		}
		_, _ = fmt.Fprintln(s.Err, heard(h))
		if h.Result != verify.Wrong {
			return h.Right, nil
		}
	}
}
