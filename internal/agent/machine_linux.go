package agent

import "os"

// machineID is what machine-id(5) holds; empty where there is none, as in some containers.
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(path); err == nil {
			return string(b)
		}
	}
	return ""
}
