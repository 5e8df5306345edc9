package spool

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The fields of an envelope.
const (
	envICID     = iota + 1
	envReceived // nanoseconds since 1970
	envSize
	envFlags
)

const (
	envSender    = iota + bytesTag
	envRecipient // nested, one for each
	envSubject
	envMessageID
	envListener
	envBounceProfile
	envEnvID
	envRet
)

// The fields of a recipient within an envelope.
const (
	rcptRID     = 1
	rcptAddress = bytesTag
	rcptNotify  = bytesTag + 1
	rcptORcpt   = bytesTag + 2
)

// The bits of envFlags.
const (
	flag8Bit = 1 << iota
	flagUTF8
	flagRelay
	flagBounce
	flagRequireTLS
	flagTLSOptional
	flagTLSReport
)

// envelopeFlag is a bit of envFlags and what it stands for.
type envelopeFlag struct {
	bit uint64
	set *bool
}

func (e *Envelope) flags() [7]envelopeFlag {
	return [...]envelopeFlag{
		{flag8Bit, &e.Body8Bit}, {flagUTF8, &e.SMTPUTF8}, {flagRelay, &e.Relay}, {flagBounce, &e.Bounce},
		{flagRequireTLS, &e.RequireTLS}, {flagTLSOptional, &e.TLSOptional}, {flagTLSReport, &e.TLSReport},
	}
}

// appendEnvelope refuses what could not be read back: addresses must be UTF-8 (RFC 6531 §3.3 allows nothing else). The
// other strings are for people, and what is not UTF-8 in them becomes U+FFFD.
func appendEnvelope(b []byte, e *Envelope) ([]byte, error) {
	if err := checkRecipients(e.Recipients); err != nil {
		return nil, err
	}
	if !utf8.ValidString(e.Sender) {
		return nil, fmt.Errorf("sender %q is not UTF-8", e.Sender)
	}
	begin := len(b)
	b = appendNumber(b, envICID, e.ICID)
	b = appendNumber(b, envReceived, nanoseconds(e.Received))
	b = appendNumber(b, envSize, uint64(e.Size))
	var flags uint64
	for _, f := range e.flags() {
		if *f.set {
			flags |= f.bit
		}
	}
	b = appendNumber(b, envFlags, flags)
	b = appendText(b, envSender, e.Sender)
	b = appendText(b, envSubject, strings.ToValidUTF8(e.Subject, "\ufffd"))
	b = appendText(b, envMessageID, strings.ToValidUTF8(e.MessageID, "\ufffd"))
	b = appendText(b, envListener, e.Listener)
	b = appendText(b, envBounceProfile, e.BounceProfile)
	b = appendText(b, envEnvID, e.EnvID)
	b = appendText(b, envRet, e.Ret)
	var one []byte
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if !utf8.ValidString(r.Address) {
			return nil, fmt.Errorf("recipient %q is not UTF-8", r.Address)
		}
		one = appendNumber(one[:0], rcptRID, uint64(r.RID))
		one = appendText(one, rcptAddress, r.Address)
		one = appendText(one, rcptNotify, r.Notify)
		one = appendText(one, rcptORcpt, r.ORcpt)
		b = appendNested(b, envRecipient, one)
	}
	if len(b)-begin > maxMeta {
		return nil, errors.New("envelope is too long")
	}
	return b, nil
}

func nanoseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixNano())
}

func timeOf(nanoseconds uint64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(nanoseconds)).UTC()
}

// parseEnvelope reads an envelope; the error is ErrDamaged.
func parseEnvelope(b []byte, mid uint64) (Envelope, error) {
	e := Envelope{MID: mid}
	for len(b) > 0 {
		tag, n, value, rest, err := field(b)
		if err != nil {
			return e, fmt.Errorf("%w: envelope: %w", ErrDamaged, err)
		}
		b = rest
		if tag == envRecipient {
			r, err := parseRecipient(value)
			if err != nil {
				return e, fmt.Errorf("%w: recipient: %w", ErrDamaged, err)
			}
			e.Recipients = append(e.Recipients, r)
			continue
		}
		e.set(tag, n, value)
	}
	if err := checkRecipients(e.Recipients); err != nil {
		return e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return e, nil
}

func (e *Envelope) set(tag byte, n uint64, value []byte) {
	switch tag {
	case envICID:
		e.ICID = n
	case envReceived:
		e.Received = timeOf(n)
	case envSize:
		e.Size = int64(n)
	case envFlags:
		for _, f := range e.flags() {
			*f.set = n&f.bit != 0
		}
	case envSender:
		e.Sender = string(value)
	case envSubject:
		e.Subject = string(value)
	case envMessageID:
		e.MessageID = string(value)
	case envListener:
		e.Listener = string(value)
	case envBounceProfile:
		e.BounceProfile = string(value)
	case envEnvID:
		e.EnvID = string(value)
	case envRet:
		e.Ret = string(value)
	}
}

func parseRecipient(b []byte) (r Recipient, err error) {
	for len(b) > 0 {
		tag, n, value, rest, err := field(b)
		if err != nil {
			return r, err
		}
		b = rest
		switch tag {
		case rcptRID:
			r.RID = int(min(n, maxRID+1))
		case rcptAddress:
			r.Address = string(value)
		case rcptNotify:
			r.Notify = string(value)
		case rcptORcpt:
			r.ORcpt = string(value)
		}
	}
	return r, nil
}

// maxRID bounds recipient IDs, so that a damaged one cannot ask for endless memory.
const maxRID = 1 << 20

func checkRecipients(list []Recipient) error {
	if len(list) == 0 {
		return errors.New("message has no recipient")
	}
	if ascending(list) {
		return nil
	}
	seen := make(map[int]bool, len(list))
	for _, r := range list {
		if r.RID < 0 || r.RID > maxRID || seen[r.RID] {
			return fmt.Errorf("recipient ID %d is out of range or there twice", r.RID)
		}
		seen[r.RID] = true
	}
	return nil
}

// ascending says that recipient IDs are in order and in range, as they nearly always are.
func ascending(list []Recipient) bool {
	last := -1
	for _, r := range list {
		if r.RID <= last || r.RID > maxRID {
			return false
		}
		last = r.RID
	}
	return true
}
