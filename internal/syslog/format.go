package syslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// frame appends a message as it goes over the wire.
func (o *Options) frame(b []byte, l line) []byte {
	message := o.message(l)
	switch {
	case o.Protocol == UDP:
		return append(b, clip(message, mostDatagram)...)
	case o.Lines:
		return append(append(b, message...), '\n')
	}
	b = strconv.AppendInt(b, int64(len(message)), 10) // RFC 6587 §3.4.1, and RFC 5425 §4.3
	return append(append(b, ' '), message...)
}

// clip cuts at the beginning of a character.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// message is a line as RFC 5424 §6 or RFC 3164 §4.1 has it.
func (o *Options) message(l line) string {
	priority := o.Facility*8 + l.severity
	if o.Old {
		return fmt.Sprintf("<%d>%s %s %s: %s", priority, l.at.Format(time.Stamp), token(o.Hostname, 255), token(o.App, 32), l.text)
	}
	return fmt.Sprintf("<%d>1 %s %s %s - - - %s", priority, l.at.Format("2006-01-02T15:04:05.000000Z07:00"),
		token(o.Hostname, 255), token(o.App, 48), l.text)
}

// token makes one word of printable ASCII, "-" of nothing.
func token(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
