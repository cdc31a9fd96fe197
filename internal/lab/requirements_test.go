package lab

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestDebianMirror(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", nil, defaultMirror},
		{
			"one line",
			map[string]string{"sources.list": "# deb http://old/debian x main\ndeb [signed-by=/k] http://mirror.test/debian/ trixie main\n"},
			"http://mirror.test/debian",
		},
		{
			"deb822",
			map[string]string{"sources.list.d/debian.sources": "Types: deb\nURIs: https://deb.example/debian\nSuites: trixie\n"},
			"https://deb.example/debian",
		},
		{"security and others are not it", map[string]string{
			"sources.list":                   "deb http://security.debian.org/debian-security trixie-security main\ndeb cdrom:[x]/ trixie main\n",
			"sources.list.d/nodesource.list": "deb https://deb.nodesource.com/node_20.x nodistro main\n",
		}, defaultMirror},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			apt := fstest.MapFS{}
			for name, text := range tt.files {
				apt[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if diff := cmp.Diff(tt.want, debianMirror(apt)); diff != "" {
				t.Errorf("mirror (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRandomPasswordMeetsThePolicies(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p := RandomPassword()
		if len(p) != 17 || seen[p] {
			t.Fatalf("password of %d characters, seen before: %t", len(p), seen[p])
		}
		seen[p] = true
	}
}
