package inbound

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"posthouse/mta/smtp"
)

const (
	// maxHeld is how much of a line is looked at to tell what it is (RFC 5322 §2.1.1 allows 998 octets).
	maxHeld = 1000
	// maxField is how much of a field's value is kept for the log.
	maxField = 2000
)

// header reads the header section of a message on its way to out: it counts the hops, notes what the log wants to
// know, and adds the fields that are missing at the section's end. The body passes by as it comes.
type header struct {
	out     io.Writer
	maxHops int
	add     func(date, id bool) []byte // makes the missing fields

	eight       bool // there is 8-bit content
	eightHeader bool // in the header

	inBody  bool
	line    []byte // the line under way, as far as it is held
	middle  bool   // the beginning of that line has passed already
	begun   bool   // a field has been seen
	hops    int
	fields  [len(watched)]field
	current *field // continuation lines belong to it; nil: to nothing of interest
}

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

// write takes the next block of content.
func (h *header) write(p []byte) error {
	if !h.eight && has8bit(p) {
		h.eight = true
	}
	for len(p) > 0 && !h.inBody {
		end := bytes.IndexByte(p, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(p)
		}
		h.line = append(h.line, p[:end]...)
		p = p[end:]
		if whole || len(h.line) >= maxHeld {
			if err := h.flush(whole); err != nil {
				return err
			}
		}
	}
	if len(p) == 0 {
		return nil
	}
	_, err := h.out.Write(p)
	return err
}

// finish is called behind the last block. A message may lack a body, and so the empty line before it.
func (h *header) finish() error {
	if len(h.line) > 0 {
		if err := h.flush(true); err != nil {
			return err
		}
	}
	if h.inBody {
		return nil
	}
	return h.end()
}

// flush passes the held line on. whole says that its end is there.
func (h *header) flush(whole bool) error {
	if !h.middle {
		if err := h.classify(); err != nil {
			return err
		}
	}
	if !h.inBody && !h.eightHeader && has8bit(h.line) {
		h.eightHeader = true
	}
	_, err := h.out.Write(h.line)
	h.line, h.middle = h.line[:0], !whole
	return err
}

// classify looks at a line from its beginning.
func (h *header) classify() error {
	line := h.line[:min(len(h.line), maxHeld)] // more than that is here or not as the blocks happen to be cut
	if h.begun && (line[0] == ' ' || line[0] == '\t') {
		h.current.collect(line)
		return nil
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	if name = bytes.TrimRight(name, " \t"); ok && isFieldName(name) {
		h.begun = true
		return h.field(name, value)
	}
	if err := h.end(); err != nil {
		return err
	}
	h.inBody = true
	if string(line) == "\r\n" {
		return nil
	}
	// There is no empty line although the header is over: without one, the body would read as header.
	_, err := io.WriteString(h.out, "\r\n")
	return err
}

func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0
}

// field notes the field that begins here.
func (h *header) field(name, value []byte) error {
	h.current = nil
	if strings.EqualFold(string(name), "received") {
		return h.hop()
	}
	for i := range watched {
		if f := &h.fields[i]; !f.seen && strings.EqualFold(string(name), watched[i]) {
			f.seen = true
			f.collect(value)
			h.current = f
		}
	}
	return nil
}

// hop counts a host that the message came past (RFC 5321 §6.3).
func (h *header) hop() error {
	if h.hops++; h.maxHops > 0 && h.hops > h.maxHops {
		return &refusal{errLoop, smtp.NewReply(554, "5.4.6", "Too many hops")}
	}
	return nil
}

// collect keeps a line of the field's value. f may be nil.
func (f *field) collect(line []byte) {
	if f == nil {
		return
	}
	line = bytes.TrimRight(line, "\r\n")
	f.value = append(f.value, line[:min(len(line), maxField-len(f.value))]...)
}

// end adds the missing fields.
func (h *header) end() error {
	date, id := !h.fields[fieldDate].seen, !h.fields[fieldID].seen
	if !date && !id {
		return nil
	}
	added := h.add(date, id)
	if _, value, found := bytes.Cut(added, []byte("Message-ID:")); found {
		h.fields[fieldID].collect(bytes.TrimSpace(value))
	}
	_, err := h.out.Write(added)
	return err
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

// has8bit says whether p holds a byte that is not ASCII.
func has8bit(p []byte) bool {
	for len(p) >= 8 {
		if binary.LittleEndian.Uint64(p)&0x8080808080808080 != 0 {
			return true
		}
		p = p[8:]
	}
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return true
		}
	}
	return false
}
