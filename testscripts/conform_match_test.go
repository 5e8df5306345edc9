package testscripts

import (
	"regexp"
	"strings"
)

// varying is what no fixture can make the same: moments, ages, addresses and counts. What stands in a column keeps its width,
// so that the columns are compared.
var varying = []struct {
	pattern *regexp.Regexp
	token   string
}{
	{regexp.MustCompile(`\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}(?: (?:GMT|CEST|PDT))?`), "(date)"},
	{regexp.MustCompile(`\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}`), "(date)"},
	{regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9:]{8})?`), "(date)"},
	{regexp.MustCompile(`\b[0-9]{2}:[0-9]{2}(?:AM|PM|:[0-9]{2})`), "(time)"},
	{regexp.MustCompile(`\b(?:[0-9]+[dhms] ?)+\b`), "(age)"},
	{regexp.MustCompile(`\b[0-9]+ (?:week|day|hour|min|sec)s?(?: [0-9]+ (?:day|hour|min|sec)s?)*`), "(age)"},
	{regexp.MustCompile(`\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?\b`), "(ip)"},
	{regexp.MustCompile(`\b[0-9]+\.[0-9]+\.[0-9]+-[0-9]{3}\b`), "(version)"},
	{regexp.MustCompile(`\b[0-9]+ (?:MB )?(?:expected|allocated)`), "(machine)"},
	{regexp.MustCompile(`\b[0-9A-F]{20}-[0-9A-F]{12}\b`), "(serial)"},
	{regexp.MustCompile(`\b[0-9]{8}T[0-9]{6}\b`), "(stamp)"},
}

var (
	wide  = regexp.MustCompile(`^ {2,}`)
	count = regexp.MustCompile(` {2,}[0-9][0-9,]*(?: |$)`)
)

// normal is a line with everything that varies made the same.
func normal(line string) string {
	for _, v := range varying {
		line = inColumns(line, v.pattern, v.token)
	}
	return count.ReplaceAllStringFunc(line, func(n string) string {
		end := strings.TrimRight(n, " ")
		return strings.Repeat(" ", len(end)-1) + "#" + n[len(end):]
	})
}

// inColumns replaces what matches by token. Where it stands in a column, what follows stays in its place.
func inColumns(line string, pattern *regexp.Regexp, token string) string {
	var b strings.Builder
	for {
		at := pattern.FindStringIndex(line)
		if at == nil {
			b.WriteString(line)
			return b.String()
		}
		found := strings.TrimRight(line[at[0]:at[1]], " ")
		rest := line[at[0]+len(found):]
		b.WriteString(line[:at[0]] + token)
		if fill := wide.FindString(rest); fill != "" {
			rest = rest[len(fill):]
			b.WriteString(strings.Repeat(" ", max(1, len(found)+len(fill)-len(token))))
		}
		line = rest
	}
}

// match compares lines with a transcript's, in which several and gap stand for many.
func match(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	switch strings.TrimSpace(want[0]) {
	case several:
		for i := range len(got) + 1 {
			if match(want[1:], got[i:]) {
				return true
			}
		}
		return false
	case gap:
		for i := 0; ; i++ {
			if match(want[1:], got[i:]) {
				return true
			}
			if i == len(got) || got[i] != "" {
				return false
			}
		}
	}
	return len(got) > 0 && normal(want[0]) == normal(got[0]) && match(want[1:], got[1:])
}

var menuLine = regexp.MustCompile(`^- [A-Z0-9]+ - \S`)

func hasMenu(lines []string) bool {
	for _, l := range lines {
		if menuLine.MatchString(l) {
			return true
		}
	}
	return false
}

// withoutMenu lets a menu and the state above it stand before a prompt where the transcript leaves them out.
func withoutMenu(want, got []string) []string {
	if n := len(got); n == 0 || !menuLine.MatchString(got[n-1]) {
		return want
	}
	want = trimBlank(want)
	return append(append([]string{}, want...), several)
}

func trimBlank(lines []string) []string {
	for len(lines) > 0 && (lines[len(lines)-1] == "" || lines[len(lines)-1] == gap) {
		lines = lines[:len(lines)-1]
	}
	return lines
}
