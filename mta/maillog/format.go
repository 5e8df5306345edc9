package maillog

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"posthouse/internal/cause"
)

// lineBuffers are where lines are made.
var lineBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, 512)) }}

// addr is an address without its zone and IPv4 as IPv4, or a hyphen where there is none.
type addr netip.Addr

// rids are recipients, as "[0, 1]".
type rids []int

// because is a cause as the end of a TLS failure line, and nothing for none.
type because cause.ID

// quoted is an outside value in single quotes, or in double ones where it holds a single quote itself.
type quoted string

// appendf appends format with each %s or %d in it replaced by the next of args. There are a dozen lines to a message, so
// it is not fmt's: nothing that it knows is moved to the heap. The lines that it makes are all held to the letter by a test.
func appendf(b []byte, format string, args []any) []byte {
	for _, arg := range args {
		i := strings.IndexByte(format, '%')
		b = append(b, format[:i]...)
		b, format = appendArg(b, arg), format[i+2:]
	}
	return append(b, format...)
}

func appendArg(b []byte, arg any) []byte {
	switch v := arg.(type) {
	case string:
		return append(b, v...)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case addr:
		return appendAddr(b, netip.Addr(v))
	case rids:
		return appendRIDs(b, v)
	case quoted:
		return appendQuoted(b, string(v))
	case because:
		if v == "" {
			return b
		}
		return append(append(append(b, " ["...), v...), ']')
	}
	panic("maillog: a line with a value of a kind that it does not know")
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.Unmap().WithZone("").AppendTo(b)
}

func appendRIDs(b []byte, list []int) []byte {
	b = append(b, '[')
	for i, r := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(r), 10)
	}
	return append(b, ']')
}

func appendQuoted(b []byte, s string) []byte {
	s = esc(s)
	mark := byte('\'')
	if strings.Contains(s, "'") {
		if !strings.Contains(s, `"`) {
			mark = '"'
		} else {
			s = strings.ReplaceAll(s, "'", `\'`)
		}
	}
	return append(append(append(b, mark), s...), mark)
}

// quote is quoted as a string.
func quote(s string) string { return string(appendQuoted(nil, s)) }
