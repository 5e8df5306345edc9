package config

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// UserKey is one public key of an account, taken apart.
type UserKey struct {
	Kind    string         // "ssh-ed25519"
	Blob    []byte         // the key as it goes over the wire (RFC 4253 §6.6)
	Comment string         // one word or several; may be empty
	Command string         // the only command that the key may run; empty: every one that the role permits
	From    []netip.Prefix // the addresses from which alone it is taken; none: every one
}

// maxUserKey bounds a line, in bytes; an RSA key of 16384 bits takes about 2800.
const maxUserKey = 8192

// ParseUserKey reads a line as authorized_keys has it (sshd(8)): KIND BASE64 COMMENT, in front perhaps the options
// command="NAME" and from="ADDRESS,CIDR,...". Any other option is an error: what it asks for would not be done.
func ParseUserKey(line string) (UserKey, error) {
	var k UserKey
	line = strings.TrimSpace(line)
	if len(line) > maxUserKey {
		return k, fmt.Errorf("%q is longer than %d bytes", clipKey(line), maxUserKey)
	}
	if first, _, _ := strings.Cut(line, " "); strings.ContainsAny(first, "=\"") || isFlag(first) {
		rest, err := k.options(line)
		if err != nil {
			return UserKey{}, err
		}
		line = rest
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || !k.key(fields[0], fields[1]) {
		return UserKey{}, fmt.Errorf("%q is not a public key as in authorized_keys", clipKey(line))
	}
	k.Comment = strings.Join(fields[2:], " ")
	if !plainText(k.Comment) {
		return UserKey{}, fmt.Errorf("the comment of %q is not one line of text", clipKey(line))
	}
	return k, nil
}

// String is the line in its one form; ParseUserKey of it is the same key.
func (k UserKey) String() string {
	var options []string
	if k.Command != "" {
		options = append(options, `command="`+k.Command+`"`)
	}
	if len(k.From) > 0 {
		options = append(options, `from="`+k.Sources()+`"`)
	}
	words := []string{k.Kind, base64.StdEncoding.EncodeToString(k.Blob)}
	if len(options) > 0 {
		words = slices.Insert(words, 0, strings.Join(options, ","))
	}
	if k.Comment != "" {
		words = append(words, k.Comment)
	}
	return strings.Join(words, " ")
}

// Sources lists From: single addresses without their length.
func (k UserKey) Sources() string {
	words := make([]string, len(k.From))
	for i, p := range k.From {
		words[i] = networkText(p)
	}
	return strings.Join(words, ",")
}

// Admits says whether the key is taken from an address.
func (k UserKey) Admits(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	return len(k.From) == 0 || slices.ContainsFunc(k.From, func(p netip.Prefix) bool { return p.Contains(from) })
}

// key reads kind and base64. The wire form begins with the kind again and is a row of strings to its end.
func (k *UserKey) key(kind, encoded string) bool {
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !plainText(kind) || len(blob) < 4 {
		return false
	}
	for rest, first := blob, true; len(rest) > 0; first = false {
		if len(rest) < 4 {
			return false
		}
		size := binary.BigEndian.Uint32(rest)
		if uint64(size) > uint64(len(rest)-4) || first && string(rest[4:4+size]) != kind {
			return false
		}
		if rest = rest[4+size:]; first && len(rest) == 0 {
			return false
		}
	}
	k.Kind, k.Blob = kind, blob
	return true
}

// flags are the options without a value that authorized_keys may have. What they forbid is never there: forwarding and
// user rc files; so they are read and dropped.
var flags = []string{"restrict", "no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc"}

func isFlag(word string) bool {
	first, _, _ := strings.Cut(word, ",")
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, first) })
}

// options reads the options in front of a key and returns what follows them.
func (k *UserKey) options(line string) (rest string, err error) {
	for {
		end := strings.IndexAny(line, "=, ")
		if end < 0 {
			return "", fmt.Errorf("%q is not a public key as in authorized_keys", clipKey(line))
		}
		name, sign := line[:end], line[end]
		line = line[end+1:]
		if sign != '=' {
			if !isFlag(name) {
				return "", fmt.Errorf("the option %q is not known: command and from are", clipKey(name))
			}
		} else {
			value, after, ok := quoted(line)
			if !ok {
				return "", fmt.Errorf("the value of the option %q needs double quotes", clipKey(name))
			}
			if err := k.option(name, value); err != nil {
				return "", err
			}
			if after == "" || after[0] != ',' && after[0] != ' ' {
				return "", fmt.Errorf("no key follows the option %q", clipKey(name))
			}
			sign, line = after[0], after[1:]
		}
		if sign == ' ' {
			return line, nil
		}
	}
}

// quoted reads a value in double quotes.
func quoted(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	return strings.Cut(s[1:], `"`)
}

func (k *UserKey) option(name, value string) (err error) {
	switch strings.ToLower(name) {
	case "command":
		k.Command, err = BoundCommand(value)
	case "from":
		k.From, err = ParseSources(value)
	default:
		err = fmt.Errorf("the option %q is not known: command and from are", clipKey(name))
	}
	return err
}

// BoundCommand reads the name of the command that a key may run alone.
func BoundCommand(name string) (string, error) {
	lower := strings.ToLower(name)
	if lower == "" || len(lower) > 64 || strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", fmt.Errorf("%q is not the name of a command", clipKey(name))
	}
	return lower, nil
}

// ParseSources reads addresses and CIDR blocks with commas between them, in their one order.
func ParseSources(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for word := range strings.SplitSeq(text, ",") {
		p, ok := ParseNetwork(strings.TrimSpace(word))
		if !ok {
			return nil, fmt.Errorf("%q is not an address or a CIDR block", clipKey(word))
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Compare(b) })
	return slices.Compact(list), nil
}

func clipKey(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
