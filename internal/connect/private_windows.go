package connect

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// private keeps everybody out but the system, its administrators and the owner: what lies below ProgramData can be read by
// every user of the machine otherwise. What is made in a private folder inherits it.
func private(path string, folder bool) error {
	inherit := ""
	if folder {
		inherit = "OICI"
	}
	sd, err := windows.SecurityDescriptorFromString("D:P(A;" + inherit + ";FA;;;SY)(A;" + inherit + ";FA;;;BA)(A;" + inherit + ";FA;;;OW)")
	if err != nil {
		return fmt.Errorf("permissions of %s: %w", path, err)
	}
	dacl, _, err := sd.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		return fmt.Errorf("permissions of %s: %w", path, err)
	}
	return nil
}
