//go:build unix

package config

import "io/fs"

func tooOpen(st fs.FileInfo) bool { return st.Mode().Perm()&0o077 != 0 }
