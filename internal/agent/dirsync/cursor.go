package dirsync

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"homeward/internal/protocol"
)

// The first byte of a cursor.
const (
	byDirSync = 'D'
	byUSN     = 'U'
)

const sumSize = 8

var errCursor = errors.New("the cursor is none that can be used")

// cursor is where to go on: the mode, a checksum, and the directory's own place. Controllers take a damaged DirSync cookie
// without a word.
type cursor struct {
	mode  string // protocol.SyncByDirSync or SyncByUSN
	place []byte
}

func (c cursor) kind() byte {
	if c.mode == protocol.SyncByUSN {
		return byUSN
	}
	return byDirSync
}

func (c cursor) encode() []byte {
	kind := c.kind()
	return slices.Concat([]byte{kind}, sum(kind, c.place), c.place)
}

func sum(kind byte, place []byte) []byte {
	all := sha256.Sum256(append([]byte{kind}, place...))
	return all[:sumSize]
}

func parseCursor(b []byte) (cursor, error) {
	if len(b) <= 1+sumSize || len(b) > protocol.MaxCursor {
		return cursor{}, errCursor
	}
	kind, check, place := b[0], b[1:1+sumSize], b[1+sumSize:]
	if !bytes.Equal(check, sum(kind, place)) {
		return cursor{}, errCursor
	}
	c := cursor{mode: protocol.SyncByDirSync, place: bytes.Clone(place)}
	switch kind {
	case byDirSync:
	case byUSN:
		c.mode = protocol.SyncByUSN
	default:
		return cursor{}, errCursor
	}
	return c, nil
}
