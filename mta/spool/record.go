package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A segment is a head of 40 bytes and then records, each at a multiple of 8 bytes. docs/spool.md describes them for
// another implementation.
const (
	version     = 2
	segmentHead = 40
	headSize    = 32
	alignment   = 8
	maxMeta     = 64 << 20 // a length beyond it is damage, not data
)

// What a record is.
const (
	messageRecord  = 1 // an envelope and the content
	outsideRecord  = 2 // an envelope; the content is in a file of its own
	stateRecord    = 3 // the states of a message's recipients
	finishedRecord = 4 // nothing more is to be done for a message
)

// batchStart marks the first record of a batch: everything before it was on stable storage when it was written.
const batchStart = 1

var (
	magic      = []byte("PHspool\n")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// sound says whether bytes are those of which a checksum was made. It is a variable for the crash test alone, which plants a
// spool that does not look.
var sound = func(b []byte, checksum uint32) bool { return sum(b) == checksum }

// appendSegmentHead appends the head of a segment. It says too how much of the segment before was on stable storage then,
// 0 when that is not known: what is not good there is damage, not a write that the machine's death tore.
func appendSegmentHead(b []byte, segment uint64, before int64) []byte {
	begin := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = append(b, make([]byte, 6)...)
	b = binary.LittleEndian.AppendUint64(b, segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(before))
	b = binary.LittleEndian.AppendUint32(b, sum(b[begin:]))
	return append(b, 0, 0, 0, 0)
}

// parseSegmentHead tells a segment of ours from damage and from one of a later version, which keeps to this head.
func parseSegmentHead(b []byte, segment uint64) (before int64, err error) {
	le := binary.LittleEndian
	if len(b) < segmentHead || !bytes.Equal(b[:len(magic)], magic) || sum(b[:32]) != le.Uint32(b[32:]) {
		return 0, fmt.Errorf("%w: it does not begin as a segment", ErrDamaged)
	}
	if v := le.Uint16(b[8:]); v > version {
		return 0, fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, v, version)
	}
	if n := le.Uint64(b[16:]); n != segment {
		return 0, fmt.Errorf("%w: it is segment %d", ErrDamaged, n)
	}
	return int64(le.Uint64(b[24:])), nil
}

// head is what stands before a record's two parts: what is said of a message, and its content.
type head struct {
	meta, body       uint32 // lengths
	metaSum, bodySum uint32 // CRC-32C; of an outside record bodySum is that of the other file
	kind, flags      byte
	mid              uint64
}

// size is what a record takes in its segment.
func (h *head) size() int64 {
	return (headSize + int64(h.meta) + int64(h.body) + alignment - 1) / alignment * alignment
}

// put writes the head as it stands at an offset of a segment. Its checksum covers the place too, so that an old block
// that the disk left in a file, or a record that came into the wrong one, is never taken for a record.
func (h *head) put(b []byte, segment uint64, offset int64) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], h.meta)
	le.PutUint32(b[4:], h.body)
	le.PutUint32(b[8:], h.metaSum)
	le.PutUint32(b[12:], h.bodySum)
	b[16], b[17], b[18], b[19] = h.kind, h.flags, 0, 0
	le.PutUint64(b[24:], h.mid)
	le.PutUint32(b[20:], headSum(b, segment, offset))
}

func headSum(b []byte, segment uint64, offset int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[0:], segment)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	c := crc32.Update(sum(place[:]), castagnoli, b[:20])
	return crc32.Update(c, castagnoli, b[24:headSize])
}

// parseHead reads the head that stands at an offset of a segment; false when none does.
func parseHead(b []byte, segment uint64, offset int64) (h head, ok bool) {
	le := binary.LittleEndian
	h = head{
		meta: le.Uint32(b[0:]), body: le.Uint32(b[4:]), metaSum: le.Uint32(b[8:]), bodySum: le.Uint32(b[12:]),
		kind: b[16], flags: b[17], mid: le.Uint64(b[24:]),
	}
	if h.kind < messageRecord || h.kind > finishedRecord || h.meta > maxMeta || h.body > maxInline {
		return h, false
	}
	return h, le.Uint32(b[20:]) == headSum(b, segment, offset)
}

// appendRecord appends a record that will stand at the offset.
func appendRecord(b []byte, h *head, segment uint64, offset int64, meta, body []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, headSize)...)
	h.put(b[at:], segment, offset)
	b = append(b, meta...)
	b = append(b, body...)
	for (len(b)-at)%alignment != 0 {
		b = append(b, 0)
	}
	return b
}
