package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A message's file is a head of 16 bytes and then records. docs/spool.md describes them for another implementation.
const (
	version    = 1
	headSize   = 16
	recordHead = 12
	chunkSize  = 64 << 10 // the most bytes of body in one record
	maxRecord  = 64 << 20 // a length beyond it is damage, not data
)

const (
	bodyRecord     = 1
	envelopeRecord = 2
	stateRecord    = 3
)

var (
	magic      = []byte("PHspool\n")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func appendHead(b []byte) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	return append(b, make([]byte, headSize-len(magic)-2)...)
}

// checkHead tells a file of ours from damage and from one of a later version.
func checkHead(head []byte) error {
	if len(head) < headSize || !bytes.Equal(head[:len(magic)], magic) {
		return fmt.Errorf("%w: it does not begin as a message file", ErrDamaged)
	}
	if v := binary.LittleEndian.Uint16(head[len(magic):]); v > version {
		return fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, v, version)
	}
	if !bytes.Equal(head, appendHead(nil)) {
		return fmt.Errorf("%w: its head is wrong", ErrDamaged)
	}
	return nil
}

// appendRecord appends one record that will stand at the given offset of the file of mid.
func appendRecord(b []byte, mid uint64, offset int64, kind byte, payload []byte) []byte {
	var head [recordHead]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(len(payload)))
	head[8] = kind
	binary.LittleEndian.PutUint32(head[4:], checksum(mid, offset, head, payload))
	b = append(b, head[:]...)
	return append(b, payload...)
}

// checksum covers the place as well as the content, so that an old block that the disk left in a file, or a record that
// came into the wrong one, is never taken for a record.
func checksum(mid uint64, offset int64, head [recordHead]byte, payload []byte) uint32 {
	var b [16 + recordHead - 4]byte
	binary.LittleEndian.PutUint64(b[0:], mid)
	binary.LittleEndian.PutUint64(b[8:], uint64(offset))
	copy(b[16:], head[0:4])
	copy(b[20:], head[8:12])
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, payload)
}

// recordInfo is a record's head, not yet checked against its payload.
type recordInfo struct {
	head   [recordHead]byte
	offset int64
}

func (r recordInfo) kind() byte  { return r.head[8] }
func (r recordInfo) length() int { return int(binary.LittleEndian.Uint32(r.head[0:])) }
func (r recordInfo) end() int64  { return r.offset + recordHead + int64(r.length()) }

// plausible reports whether the head can be one of a file that has size bytes.
func (r recordInfo) plausible(size int64) bool {
	k := r.kind()
	limit := maxRecord
	if k == bodyRecord {
		limit = chunkSize
	}
	return k >= bodyRecord && k <= stateRecord && r.head[9] == 0 && r.head[10] == 0 && r.head[11] == 0 &&
		r.length() <= limit && r.end() <= size
}

// holds reports whether payload is what was written with this head.
func (r recordInfo) holds(mid uint64, payload []byte) bool {
	return binary.LittleEndian.Uint32(r.head[4:]) == checksum(mid, r.offset, r.head, payload)
}
