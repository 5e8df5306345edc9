package rig

import (
	"bytes"
	"hash/crc32"
	"strconv"
)

// A message says of itself which one it is and what its body must be, so that the sink can check it without having
// seen it before:
//
//	X-Bench: RUN SEQ BODYLENGTH CRC32
//
// and its recipients are m<SEQ>r<K>@d<J>.bench.test.
const markField = "X-Bench:"

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// content is a body that all messages of one load share.
type content struct {
	length  int
	crc     uint32
	stuffed []byte // as it is sent: dots doubled at the beginnings of lines
}

// newContent makes lines of 76 characters, one in sixteen of which begins with a dot, to size bytes or a little more.
func newContent(size int) *content {
	var plain, stuffed []byte
	x := uint32(2463534242)
	for i := 0; len(plain) < size; i++ {
		line := textLine(&x, i%16 == 15)
		plain = append(plain, line...)
		if line[0] == '.' {
			stuffed = append(stuffed, '.')
		}
		stuffed = append(stuffed, line...)
	}
	return &content{length: len(plain), crc: crc32.Checksum(plain, crcTable), stuffed: stuffed}
}

// textLine makes one line out of the xorshift generator's state x.
func textLine(x *uint32, dotted bool) []byte {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	line := make([]byte, 0, 78)
	if dotted {
		line = append(line, '.')
	}
	for len(line) < 76 {
		*x ^= *x << 13
		*x ^= *x >> 17
		*x ^= *x << 5
		line = append(line, alphabet[*x%64])
	}
	return append(line, '\r', '\n')
}

// appendHeader adds message seq's header and the empty line that ends it.
func (c *content) appendHeader(b []byte, run string, seq int) []byte {
	b = append(b, "From: <sender@from.bench.test>\r\nTo: <list@to.bench.test>\r\nSubject: bench "...)
	b = strconv.AppendInt(b, int64(seq), 10)
	b = append(b, "\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <"...)
	b = append(append(b, run...), '.')
	b = strconv.AppendInt(b, int64(seq), 10)
	b = append(b, "@from.bench.test>\r\n"+markField+" "...)
	b = append(append(b, run...), ' ')
	b = append(strconv.AppendInt(b, int64(seq), 10), ' ')
	b = append(strconv.AppendInt(b, int64(c.length), 10), ' ')
	b = strconv.AppendUint(b, uint64(c.crc), 16)
	return append(b, "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"...)
}

// mark is what a message says of itself.
type mark struct {
	run         string
	seq, length int
	crc         uint32
}

// parseMark reads the value of a mark field; run is empty where it is none.
func parseMark(value []byte) (m mark) {
	f := bytes.Fields(value)
	if len(f) != 4 {
		return mark{seq: -1}
	}
	crc, badSum := strconv.ParseUint(string(f[3]), 16, 32)
	seq, badSeq := strconv.Atoi(string(f[1]))
	length, badLength := strconv.Atoi(string(f[2]))
	if badSum != nil || badSeq != nil || badLength != nil {
		return mark{seq: -1}
	}
	return mark{string(f[0]), seq, length, uint32(crc)}
}

// recipient is the Kth one of message seq; -1, -1 is none of ours.
type recipient struct{ seq, k int }

// parseRecipient reads the path of a RCPT command: <m12r3@...>.
func parseRecipient(path []byte) recipient {
	_, rest, found := bytes.Cut(path, []byte("<m"))
	seq, rest, ok := leadingNumber(rest)
	if !found || !ok || len(rest) == 0 || rest[0] != 'r' {
		return recipient{-1, -1}
	}
	k, rest, ok := leadingNumber(rest[1:])
	if !ok || len(rest) == 0 || rest[0] != '@' {
		return recipient{-1, -1}
	}
	return recipient{seq, k}
}

// leadingNumber reads up to nine digits.
func leadingNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	return n, b[i:], i > 0
}
