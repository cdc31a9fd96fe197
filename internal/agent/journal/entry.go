package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	bolt "go.etcd.io/bbolt"

	"homeward/internal/seal"
)

// An entry on the disk: version byte, CRC-32 of the JSON (bbolt has none for data pages), JSON.
const (
	entryVersion = 1
	entryHead    = 5
)

var (
	errChecksum = errors.New("entry with a wrong checksum")
	errEntry    = errors.New("entry that makes no sense")
)

func encodeEntry(e Entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	return withHead(text), nil
}

func withHead(text []byte) []byte {
	b := make([]byte, 0, entryHead+len(text))
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(text))
	return append(b, text...)
}

// decodeEntry reads an entry strictly. key, if not nil, is the key it must be stored under.
func decodeEntry(key, raw []byte) (Entry, error) {
	var e Entry
	if len(raw) < entryHead || raw[0] != entryVersion {
		return e, errEntry
	}
	text := raw[entryHead:]
	if crc32.ChecksumIEEE(text) != binary.BigEndian.Uint32(raw[1:]) {
		return e, errChecksum
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", errEntry, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, errEntry
	}
	if key != nil && !bytes.Equal(key, e.ID[:]) {
		return Entry{}, fmt.Errorf("%w: stored under another id", errEntry)
	}
	return e, e.check()
}

// check holds what every entry fulfils, so that readers need not look again.
func (e Entry) check() error {
	ok := e.ID != seal.RequestID{}
	switch e.State {
	case Accepted:
		ok = ok && e.Before == nil && !e.Confirmed && e.Result == nil && !e.Acknowledged
	case Sending:
		ok = ok && e.Before != nil && e.Result == nil && !e.Acknowledged
	case Done:
		ok = ok && e.Result != nil && (!e.Confirmed || e.Before != nil)
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("%w: state %q", errEntry, e.State)
	}
	return nil
}

func (j *Journal) decode(raw []byte) (Entry, error) {
	e, err := decodeEntry(nil, raw)
	if err != nil {
		return Entry{}, corrupt(j.path, err)
	}
	return e, nil
}

// put stores an entry. One that older agents could not read marks the file as being of the newer schema, so that
// they say so; until then an agent may be put back to the version before.
func put(b *bolt.Bucket, e Entry) error {
	raw, err := encodeEntry(e)
	if err != nil {
		return err
	}
	if e.Confirmed || (e.Result != nil && e.Result.MustChange != "") {
		meta := b.Tx().Bucket(metaBucket())
		if err := meta.Put(schemaKey(), []byte(schemaTwo)); err != nil {
			return err
		}
	}
	return b.Put(e.ID[:], raw)
}
