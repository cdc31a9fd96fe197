package activedirectory

import (
	"encoding/binary"
	"fmt"
	"time"

	"homeward/internal/directory"
)

// Version says which write of an attribute an object holds. It replicates with the value, so it is the
// same on every controller once they have converged.
type Version struct {
	Number uint32         // counts the writes
	At     time.Time      // when, by the clock of the controller it was written on; whole seconds
	Origin directory.GUID // database it was written in
}

// ATTRTYP values of attributes ([MS-DRSR] 5.16.4, [MS-ADA2], [MS-ADA3]): prefix 9 and the last OID part.
const (
	attUnicodePwd  = 0x9005A
	attLockoutTime = 0x90296
)

const (
	metadataHead  = 16
	metadataEntry = 48
	// secondsTo1970 is 1601-01-01 to 1970-01-01; DSTIME counts seconds from 1601 ([MS-DRSR] 5.53).
	secondsTo1970 = 11644473600
)

// parseMetadata reads replPropertyMetaData, a PROPERTY_META_DATA_VECTOR of version 1 ([MS-DRSR] 5.162):
// version, reserved, count, reserved, then per attribute its type, version, time, database, its USN there
// and its USN here, all little-endian.
func parseMetadata(b []byte) (map[uint32]Version, error) {
	if len(b) < metadataHead {
		return nil, fmt.Errorf("metadata of %d bytes: %w", len(b), directory.ErrSyntax)
	}
	if v := binary.LittleEndian.Uint32(b); v != 1 {
		return nil, fmt.Errorf("metadata of version %d, not 1: %w", v, directory.ErrSyntax)
	}
	count := uint64(binary.LittleEndian.Uint32(b[8:]))
	rest := b[metadataHead:]
	if uint64(len(rest)) < count*metadataEntry {
		return nil, fmt.Errorf("metadata of %d bytes for %d attributes: %w", len(b), count, directory.ErrSyntax)
	}
	versions := make(map[uint32]Version, count)
	for ; count > 0; count-- {
		seconds := binary.LittleEndian.Uint64(rest[8:])
		v := Version{Number: binary.LittleEndian.Uint32(rest[4:]), Origin: directory.GUID(rest[16:32])}
		if seconds >= secondsTo1970 && seconds < 1<<40 {
			v.At = time.Unix(int64(seconds)-secondsTo1970, 0).UTC()
		}
		versions[binary.LittleEndian.Uint32(rest)] = v
		rest = rest[metadataEntry:]
	}
	return versions, nil
}
