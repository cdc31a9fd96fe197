package completion

import (
	"embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed scripts
var scripts embed.FS

// Shells are those there is a script for.
func Shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

// ErrShell reports a shell that there is no script for.
var ErrShell = errors.New("no completion for this shell")

// Script returns the script that completes program in a shell. program is a plain name, as homeward-agent.
func Script(shell, program string) (string, error) {
	text, err := scripts.ReadFile("scripts/" + shell)
	if err != nil {
		return "", fmt.Errorf("%w: %q; use one of %s", ErrShell, shell, strings.Join(Shells(), ", "))
	}
	function := "_" + strings.ReplaceAll(program, "-", "_")
	return strings.NewReplacer("PROGRAM", program, "FUNCTION", function, "ASK", Verb, "FILES", files).Replace(string(text)), nil
}
