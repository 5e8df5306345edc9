package inbound

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"posthouse/mta/smtp"
)

// maxHeld is how much of a line is looked at to tell what it is (RFC 5322 §2.1.1 allows 998 octets).
const maxHeld = 1000

// header reads the header section of a message on its way to out: it counts the hops, notes what the log wants to
// know, and adds the fields that are missing at the section's end. The body passes by as it comes.
type header struct {
	out     io.Writer
	maxHops int
	add     func(b []byte, date, id bool) []byte // appends the missing fields

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

// fresh returns a header for the next message that has the memory of this one.
func (h *header) fresh() (next header) {
	next.line = h.line[:0]
	for i := range h.fields {
		next.fields[i].value = h.fields[i].value[:0]
	}
	return next
}

// trace passes on what stands above the header, as top appends it.
func (h *header) trace(top func(b []byte) []byte) error {
	h.line = top(h.line)
	err := h.pass(h.line)
	h.line = h.line[:0]
	return err
}

// write takes the next block of content. Lines of the header are looked at where they are and passed on together; only one
// that is cut by the end of the block is held.
func (h *header) write(p []byte) error {
	if !h.eight && has8bit(p) {
		h.eight = true
	}
	from := 0 // p[from:i] was looked at and is not passed on yet
	for i := 0; i < len(p) && !h.inBody; {
		end := i + bytes.IndexByte(p[i:], '\n') + 1
		if end == i || len(h.line) > 0 || h.middle {
			if err := h.pass(p[from:i]); err != nil {
				return err
			}
			n, err := h.hold(p[i:])
			if err != nil {
				return err
			}
			i += n
			from = i
			continue
		}
		over, err := h.look(p[i:end])
		if err != nil {
			return err
		}
		if over {
			if err := h.pass(p[from:i]); err != nil {
				return err
			}
			if err := h.leave(p[i:end]); err != nil {
				return err
			}
			from = i
			break
		}
		i = end
	}
	return h.pass(p[from:])
}

// hold takes the rest of a line, or what there is of one, and returns its length.
func (h *header) hold(p []byte) (int, error) {
	end := bytes.IndexByte(p, '\n') + 1
	whole := end > 0
	if !whole {
		end = len(p)
	}
	h.line = append(h.line, p[:end]...)
	if whole || len(h.line) >= maxHeld {
		return end, h.flush(whole)
	}
	return end, nil
}

func (h *header) pass(p []byte) error {
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
	if h.middle {
		h.seek8bit(h.line)
	} else {
		over, err := h.look(h.line)
		if err == nil && over {
			err = h.leave(h.line)
		}
		if err != nil {
			return err
		}
	}
	err := h.pass(h.line)
	h.line, h.middle = h.line[:0], !whole
	return err
}

// look reads a line from its beginning, and says whether the header was over before it.
func (h *header) look(line []byte) (over bool, err error) {
	held := line[:min(len(line), maxHeld)] // more than that is here or not as the blocks happen to be cut
	if h.begun && (held[0] == ' ' || held[0] == '\t') {
		h.current.collect(held)
		h.seek8bit(line)
		return false, nil
	}
	name, value, ok := bytes.Cut(held, colon)
	if name = bytes.TrimRight(name, " \t"); !ok || !isFieldName(name) {
		return true, nil
	}
	h.begun = true
	h.seek8bit(line)
	return false, h.field(name, value)
}

var colon = []byte{':'}

// seek8bit looks for 8-bit content in a line of the header, where there is any at all.
func (h *header) seek8bit(line []byte) {
	if h.eight && !h.eightHeader && has8bit(line) {
		h.eightHeader = true
	}
}

// leave ends the header before a line.
func (h *header) leave(line []byte) error {
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

// hop counts a host that the message came past (RFC 5321 §6.3).
func (h *header) hop() error {
	if h.hops++; h.maxHops > 0 && h.hops > h.maxHops {
		return &refusal{errLoop, smtp.NewReply(554, "5.4.6", "Too many hops")}
	}
	return nil
}

// end adds the missing fields.
func (h *header) end() error {
	date, id := !h.fields[fieldDate].seen, !h.fields[fieldID].seen
	if !date && !id {
		return nil
	}
	added := h.add(nil, date, id)
	if _, value, found := bytes.Cut(added, []byte("Message-ID:")); found {
		h.fields[fieldID].collect(bytes.TrimSpace(value))
	}
	_, err := h.out.Write(added)
	return err
}

// has8bit says whether p holds a byte that is not ASCII.
func has8bit(p []byte) bool {
	const high = 0x8080808080808080
	for ; len(p) >= 32; p = p[32:] {
		w := binary.LittleEndian.Uint64(p) | binary.LittleEndian.Uint64(p[8:]) |
			binary.LittleEndian.Uint64(p[16:]) | binary.LittleEndian.Uint64(p[24:])
		if w&high != 0 {
			return true
		}
	}
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return true
		}
	}
	return false
}
