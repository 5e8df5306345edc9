package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxPolicy is the largest policy that is read, in bytes: the size that RFC 8461 §3.3 suggests.
const maxPolicy = 64 << 10

// maxPatterns bounds the mx fields of a policy, so that matching stays cheap. RFC 8461 knows no limit; nobody has so
// many mail exchangers.
const maxPatterns = 1000

// Lines of a record and of a policy begin so (RFC 8461 §3.1, §3.2).
const version = "STSv1"

var (
	errNoRecord = errors.New("no record of MTA-STS")
	errSeveral  = errors.New("more than one record of MTA-STS")
)

// ParseRecords returns the id of the one MTA-STS record among the TXT records at _mta-sts.DOMAIN (RFC 8461 §3.1).
// Records of another kind are passed over. The error is errNoRecord where none is left.
func ParseRecords(records []string) (id string, err error) {
	found := ""
	for _, r := range records {
		if !isRecord(r) {
			continue
		}
		if found != "" {
			return "", errSeveral
		}
		found = r
	}
	if found == "" {
		return "", errNoRecord
	}
	return parseRecord(found)
}

// isRecord says whether a TXT record begins with "v=STSv1;". The grammar allows blanks before the semicolon.
func isRecord(text string) bool {
	rest, ok := strings.CutPrefix(text, "v="+version)
	return ok && strings.HasPrefix(strings.TrimLeft(rest, " \t"), ";")
}

// parseRecord reads the fields behind the version. Unknown ones are ignored, and so is every id but the first.
func parseRecord(text string) (id string, err error) {
	_, rest, _ := strings.Cut(text, ";")
	fields := strings.Split(rest, ";")
	for i, field := range fields {
		field = strings.Trim(field, " \t")
		if field == "" && i == len(fields)-1 {
			break
		}
		key, value, ok := strings.Cut(field, "=")
		switch {
		case !ok || !validName(key) || !validRecordValue(value):
			return "", fmt.Errorf("record: %q is no field", clip(field))
		case key == "id" && id == "":
			if id = value; !validID(value) {
				return "", fmt.Errorf("record: %q is no id", clip(value))
			}
		}
	}
	if id == "" {
		return "", errors.New("record: there is no id")
	}
	return id, nil
}

// parsed is what a policy's text says.
type parsed struct {
	mode   Mode
	mx     []string
	maxAge time.Duration
	lines  []string
}

// parsePolicy reads a policy (RFC 8461 §3.2). Unknown fields are ignored, and so is every field but mx after its first.
func parsePolicy(text []byte) (parsed, error) {
	if len(text) > maxPolicy {
		return parsed{}, fmt.Errorf("policy: larger than %d bytes", maxPolicy)
	}
	if !utf8.Valid(text) {
		return parsed{}, errors.New("policy: not UTF-8")
	}
	var p parsed
	first := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " \t")
		if line == "" {
			continue // the grammar has no empty lines; some are harmless and occur at the end
		}
		key, value, err := field(line)
		if err != nil {
			return parsed{}, err
		}
		p.lines = append(p.lines, line)
		if key == "mx" {
			if err := p.addPattern(value); err != nil {
				return parsed{}, err
			}
		} else if _, seen := first[key]; !seen {
			first[key] = value
		}
	}
	return p, p.take(first)
}

// field takes a line apart.
func field(line string) (key, value string, err error) {
	key, value, ok := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	if !ok || !validName(key) || value == "" || strings.ContainsFunc(value, isControl) {
		return "", "", fmt.Errorf("policy: %q is no field", clip(line))
	}
	return key, value, nil
}

func (p *parsed) addPattern(value string) error {
	pattern := canonical(value)
	if !validHost(strings.TrimPrefix(pattern, "*.")) {
		return fmt.Errorf("policy: mx %q is no host name", clip(value))
	}
	if len(p.mx) == maxPatterns {
		return fmt.Errorf("policy: more than %d mx fields", maxPatterns)
	}
	p.mx = append(p.mx, pattern)
	return nil
}

// take checks the fields that occur once.
func (p *parsed) take(first map[string]string) error {
	if v, ok := first["version"]; !ok || v != version {
		return fmt.Errorf("policy: version %q is not %s", clip(v), version)
	}
	switch mode := Mode(first["mode"]); mode {
	case Enforce, Testing, None:
		p.mode = mode
	default:
		return fmt.Errorf("policy: mode %q is none of enforce, testing and none", clip(first["mode"]))
	}
	age := first["max_age"]
	seconds, err := strconv.ParseUint(age, 10, 64)
	if err != nil || len(age) > 10 || strings.Trim(age, "0123456789") != "" {
		return fmt.Errorf("policy: max_age %q is no number of seconds", clip(age))
	}
	p.maxAge = time.Duration(min(seconds, uint64(MaxAge/time.Second))) * time.Second
	if len(p.mx) == 0 && p.mode != None {
		return errors.New("policy: there is no mx")
	}
	return nil
}

// validName says whether a field's name fits the grammar: a letter or digit, then up to 31 of those and "_-.".
func validName(name string) bool {
	if len(name) < 1 || len(name) > 32 || !isAlnum(rune(name[0])) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return !isAlnum(r) && !strings.ContainsRune("_-.", r) })
}

// validRecordValue says whether a field of a record may have the value: visible ASCII without "=" and ";".
func validRecordValue(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '=' || r == ';' })
}

func validID(id string) bool {
	return len(id) >= 1 && len(id) <= 32 && !strings.ContainsFunc(id, func(r rune) bool { return !isAlnum(r) })
}

// validHost says whether name is a host name in lower case, international ones as A-labels.
func validHost(name string) bool {
	if len(name) < 1 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func isAlnum(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// clip shortens what comes from outside for an error.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
