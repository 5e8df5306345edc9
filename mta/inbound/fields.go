package inbound

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"
)

// maxField is how much of a field's value is kept for the log.
const maxField = 2000

// field is a header field that is watched for.
type field struct {
	seen  bool
	value []byte
}

// watched are the header fields of interest, in small letters.
var watched = [...]string{"date", "message-id", "subject", "tls-required"}

const (
	fieldDate = iota
	fieldID
	fieldSubject
	fieldTLSRequired
)

// field notes the field that begins here.
func (h *header) field(name, value []byte) error {
	h.current = nil
	if is(name, "received") {
		return h.hop()
	}
	for i := range watched {
		if f := &h.fields[i]; !f.seen && is(name, watched[i]) {
			f.seen = true
			f.collect(value)
			h.current = f
		}
	}
	return nil
}

// is compares without regard to case. Most names differ in length already.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// collect keeps a line of the field's value. f may be nil.
func (f *field) collect(line []byte) {
	if f == nil {
		return
	}
	line = bytes.TrimRight(line, "\r\n")
	f.value = append(f.value, line[:min(len(line), maxField-len(f.value))]...)
}

// messageID is the Message-ID with its angle brackets.
func (h *header) messageID() string { return h.text(fieldID) }

// subject is the Subject, decoded (RFC 2047).
func (h *header) subject() string {
	raw := h.text(fieldSubject)
	decoded, err := new(mime.WordDecoder).DecodeHeader(raw)
	if err != nil || !utf8.ValidString(decoded) {
		return raw
	}
	return decoded
}

// tlsOptional says whether the message's author would rather have it sent in clear than not at all. There is one value,
// and any other is ignored (RFC 8689 §3).
func (h *header) tlsOptional() bool { return strings.EqualFold(h.text(fieldTLSRequired), "no") }

func (h *header) text(i int) string {
	return strings.ToValidUTF8(string(bytes.TrimSpace(h.fields[i].value)), "\uFFFD")
}
