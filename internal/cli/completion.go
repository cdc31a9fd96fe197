package cli

import (
	"io"

	"homeward/internal/agent/command"
	"homeward/internal/cli/completion"

	"github.com/alecthomas/kong"
)

// Completion prints the script that lets a shell complete the program's verbs.
type Completion struct {
	Shell string `arg:"" help:"bash, zsh, fish or powershell." enum:"bash,zsh,fish,powershell"`
}

// Run implements the verb.
func (c Completion) Run(k *kong.Context, s command.Streams) error {
	text, err := completion.Script(c.Shell, k.Model.Name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.Out, text)
	return err
}
