package maillog

import (
	"bufio"
	"io"
	"strings"
)

const (
	mostHeader = 64 << 10 // bytes of a message that are searched for header fields
	mostValue  = 1 << 10  // bytes of a folded field that are put together; a line shows fewer
)

// HeadersOf reads the first field of each name from a message, in the order of the names: unfolded, and without those that
// the message does not have. Names are taken in any case; what a Header has is the name as it was asked for.
func HeadersOf(message io.Reader, names []string) []Header {
	values := make(map[string]string, len(names))
	wanted := ""
	lines := bufio.NewScanner(io.LimitReader(message, mostHeader))
	lines.Buffer(make([]byte, 4096), mostHeader)
	for lines.Scan() && lines.Text() != "" {
		line := lines.Text()
		if line[0] == ' ' || line[0] == '\t' {
			if wanted != "" && len(values[wanted]) < mostValue {
				values[wanted] += " " + strings.TrimSpace(line)
			}
			continue
		}
		wanted = ""
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimRight(name, " \t"))
		if _, seen := values[name]; ok && !seen && asked(names, name) {
			wanted, values[name] = name, strings.TrimSpace(value)
		}
	}
	var list []Header
	for _, name := range names {
		if value, ok := values[strings.ToLower(name)]; ok {
			list = append(list, Header{name, value})
		}
	}
	return list
}

func asked(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
