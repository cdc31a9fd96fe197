package connect

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// prepare lets a console understand escape sequences. ENABLE_PROCESSED_OUTPUT has to be on for them, and
// DISABLE_NEWLINE_AUTO_RETURN keeps the last column from scrolling the screen (SetConsoleMode, High-Level Console Modes).
// A console of before Windows 10 1511 and Windows Server 2016 knows none: that is an error, and plain lines are asked.
//
// Keys come as escape sequences because term.MakeRaw sets ENABLE_VIRTUAL_TERMINAL_INPUT; it takes
// ENABLE_PROCESSED_INPUT away, so Ctrl+C is a key here and not a signal.
func prepare(out *os.File) (restore func(), err error) {
	console := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return nil, fmt.Errorf("console mode: %w", err)
	}
	wanted := mode | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	if err := windows.SetConsoleMode(console, wanted|windows.DISABLE_NEWLINE_AUTO_RETURN); err != nil {
		if err := windows.SetConsoleMode(console, wanted); err != nil { // Windows Server 2016 may not know the second
			return nil, fmt.Errorf("console mode: %w", err)
		}
	}
	return func() { _ = windows.SetConsoleMode(console, mode) }, nil
}
