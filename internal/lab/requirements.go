package lab

import (
	"bufio"
	"io/fs"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	keyring       = "/usr/share/keyrings/debian-archive-keyring.gpg"
	defaultMirror = "http://deb.debian.org/debian"
)

// Requirements names the Debian packages that this machine lacks for the lab; empty means it can build and
// run one. It looks for the files it needs, so it also works on other distributions.
func Requirements() []string {
	needs := []struct{ file, pkg string }{
		{"debootstrap", "debootstrap"},
		{keyring, "debian-archive-keyring"},
		{"gpgv", "gpgv"},
		{"zstd", "zstd"},
		{"tar", "tar"},
		{"mount", "mount"},
		{"nsenter", "util-linux"},
		{"chroot", "coreutils"},
	}
	var missing []string
	for _, n := range needs {
		if !found(n.file) && !slices.Contains(missing, n.pkg) {
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

// found looks in the sbin folders too, which a user's PATH may lack.
func found(file string) bool {
	if filepath.IsAbs(file) {
		return exists(file)
	}
	if _, err := exec.LookPath(file); err == nil {
		return true
	}
	return exists("/usr/sbin/"+file) || exists("/sbin/"+file)
}

// debianMirror is the mirror this machine's apt uses, read from sources.list and the one-line and deb822
// files beside it. Only an http(s) archive whose path ends in /debian counts: others are not Debian's.
func debianMirror(apt fs.FS) string {
	files := []string{"sources.list"}
	for _, pattern := range []string{"sources.list.d/*.list", "sources.list.d/*.sources"} {
		more, err := fs.Glob(apt, pattern)
		if err == nil {
			files = append(files, more...)
		}
	}
	for _, name := range files {
		b, err := fs.ReadFile(apt, name)
		if err != nil {
			continue
		}
		if mirror := mirrorIn(string(b)); mirror != "" {
			return mirror
		}
	}
	return defaultMirror
}

func mirrorIn(sources string) string {
	lines := bufio.NewScanner(strings.NewReader(sources))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "deb" && !strings.EqualFold(words[0], "URIs:") {
			continue
		}
		for _, word := range words[1:] {
			u, err := url.Parse(word)
			if err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/debian") {
				return strings.TrimRight(word, "/")
			}
		}
	}
	return ""
}
