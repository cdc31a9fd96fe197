package lab

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// sambaVariable names the environment variable that chooses another Samba.
const sambaVariable = "LAB_SAMBA"

// release is one Samba the lab can run: a Debian release, and the suite of it that Samba comes from.
type release struct {
	name   string // what LAB_SAMBA says
	debian string
	suite  string
	// hints: this Samba has the policy-hints control, and the lab insists on it.
	hints bool
}

// releases are all of them; the first is the usual one.
func releases() []release {
	return []release{
		{"trixie-backports", "trixie", "trixie-backports", true},        // 4.24 or later
		{"trixie", "trixie", "trixie", false},                           // 4.22, without the policy-hints control
		{"bookworm-backports", "bookworm", "bookworm-backports", false}, // 4.22 on Debian 12
	}
}

// chosenRelease is the one LAB_SAMBA names, or the usual one.
func chosenRelease() (release, error) {
	name := os.Getenv(sambaVariable)
	if name == "" {
		return releases()[0], nil
	}
	var known []string
	for _, r := range releases() {
		if r.name == name {
			return r, nil
		}
		known = append(known, r.name)
	}
	return release{}, fmt.Errorf("%s=%s: the lab knows %s", sambaVariable, name, strings.Join(known, ", "))
}

// HasPolicyHints says whether the Samba chosen for this process has the policy-hints control. Without it no
// reset obeys the password history, and Homeward refuses to write.
func HasPolicyHints() bool {
	r, err := chosenRelease()
	return err == nil && r.hints
}

func (r release) rootName() string { return "root-" + recipeHash(buildScript, r.debian, r.suite) }

// Samba 4.24 is the first with the policy-hints control.
const minSambaMajor, minSambaMinor = 4, 24

// checkVersion keeps a mirror that is behind from giving the usual lab an old Samba.
func (r release) checkVersion(ctx context.Context, root string) error {
	out, err := outputIsolated(ctx, nil, "chroot", root, "samba", "--version")
	if err != nil {
		return fmt.Errorf("asking Samba for its version: %w", err)
	}
	m := regexp.MustCompile(`Version (\d+)\.(\d+)`).FindStringSubmatch(string(out))
	if m == nil {
		return fmt.Errorf("version of Samba isn't in %q", out)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if old := major < minSambaMajor || major == minSambaMajor && minor < minSambaMinor; old && r.hints {
		return fmt.Errorf("the mirror has Samba %d.%d in %s; the lab needs %d.%d or later, which has "+
			"the policy-hints control", major, minor, r.suite, minSambaMajor, minSambaMinor)
	}
	return nil
}
