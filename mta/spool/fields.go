package spool

import (
	"encoding/binary"
	"errors"
)

// The parts of an envelope or a state are fields: a tag of one byte and a value. A tag below 128 has a number behind it,
// the others have a length and as many bytes; so a reader steps over what it does not know. What is zero or empty is
// left out. Numbers are unsigned varints (base 128, the low seven bits first).
const bytesTag = 128

func appendNumber(b []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, tag), n)
}

func appendFlag(b []byte, tag byte, set bool) []byte {
	if !set {
		return b
	}
	return append(b, tag, 1)
}

func appendText(b []byte, tag byte, s string) []byte {
	if s == "" {
		return b
	}
	b = binary.AppendUvarint(append(b, tag), uint64(len(s)))
	return append(b, s...)
}

// appendNested appends a field whose value is made of fields, also when it has none.
func appendNested(b []byte, tag byte, value []byte) []byte {
	b = binary.AppendUvarint(append(b, tag), uint64(len(value)))
	return append(b, value...)
}

var errFields = errors.New("it is not made of fields")

// field takes the first field off b.
func field(b []byte) (tag byte, n uint64, value, rest []byte, err error) {
	tag = b[0]
	n, size := binary.Uvarint(b[1:])
	if size <= 0 {
		return 0, 0, nil, nil, errFields
	}
	rest = b[1+size:]
	if tag < bytesTag {
		return tag, n, nil, rest, nil
	}
	if n > uint64(len(rest)) {
		return 0, 0, nil, nil, errFields
	}
	return tag, 0, rest[:n], rest[n:], nil
}
