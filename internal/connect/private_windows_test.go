package connect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// Everything the wizard writes is closed to the other users of the machine, and so is a folder that it makes.
func TestPrivate(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "homeward-private-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "new", "secret")
	if err := replaceSecret(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		sd, err := windows.GetNamedSecurityInfo(p, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
		if err != nil {
			t.Fatal(err)
		}
		text := sd.String()
		if !strings.Contains(text, ";;;SY)") || !strings.Contains(text, ";;;BA)") || strings.Contains(text, ";;;WD)") || strings.Contains(text, ";;;BU)") {
			t.Errorf("%s: %s", p, text)
		}
	}
}
