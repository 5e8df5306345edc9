package logbook

import "strings"

// cefHeader and cefValue escape what has a meaning in the Common Event Format: in the parts of the header, and in the values
// behind it. Lines have no line ends, these come escaped.
var (
	cefHeader = strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\n", " ", "\r", " ")
	cefValue  = strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\n", `\n`, "\r", `\r`)
)

// field is one pair of an event's extension.
type field struct{ key, value string }

// cefLine is one event in the Common Event Format, version 0. Fields without a value are left out.
func cefLine(version, id, name string, severity string, fields []field) string {
	var b strings.Builder
	b.WriteString("CEF:0")
	for _, part := range []string{"Posthouse", "P100V Email Gateway", version, id, name, severity} {
		b.WriteString("|" + cefHeader.Replace(part))
	}
	b.WriteString("|")
	first := true
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(f.key + "=" + cefValue.Replace(f.value))
	}
	return b.String()
}
