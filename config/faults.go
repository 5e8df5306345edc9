package config

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// faults gathers everything that Validate has to say, in the order in which it looks.
type faults struct {
	list []error
	ctx  context.Context // who waits for it; nil: nobody gives it up
}

// over says that nobody waits any more.
func (f *faults) over() bool { return f.ctx != nil && f.ctx.Err() != nil }

func (f *faults) add(path, format string, args ...any) {
	f.list = append(f.list, &FieldError{Path: path, Text: fmt.Sprintf(format, args...)})
}

// err returns all faults joined, or nil.
func (f *faults) err() error { return errors.Join(f.list...) }

func (f *faults) number(path string, n, low, high int) {
	if n < low || n > high {
		f.add(path, "%d is not a number from %d to %d", n, low, high)
	}
}

// optional checks a number that may be unset.
func (f *faults) optional(path string, n *int, low, high int) {
	if n != nil {
		f.number(path, *n, low, high)
	}
}

// choice checks a word against those that are accepted.
func (f *faults) choice(path, value string, accepted ...string) {
	for _, a := range accepted {
		if value == a {
			return
		}
	}
	f.add(path, "%q is not one of %s", value, strings.Join(accepted, ", "))
}

func (f *faults) host(path, name string) {
	if !validHost(name) {
		f.add(path, "%q is not a host name: labels of 1 to 63 letters, digits, hyphens and underscores, separated by dots, are accepted", name)
	}
}

func (f *faults) name(path, name string) {
	if !validName(name) {
		f.add(path, "%q is not a name: at most 64 letters, digits, '_', '-' and '.' are accepted; it begins with a letter or digit and has a letter in it", name)
	}
}

// join makes a path of a setting; a part that is not a bare TOML key is quoted, as posthouse.toml has it.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}

// Path joins the names of a setting to its path, with quotes where a name needs them.
func Path(names ...string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = key(name)
	}
	return join(parts...)
}

// key returns a name as one part of a path.
func key(name string) string {
	bare := name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) < 0
	if bare {
		return name
	}
	return `"` + keyEscapes.Replace(name) + `"`
}

var keyEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// plainText says whether s is one line of printable UTF-8. Everything that operators enter is shown on terminals and
// written into logs and protocol lines, none of which must take a part of it for a command.
func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// plainTexts says whether every string is plain text, at whatever depth.
func plainTexts(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return plainText(v.String())
	case reflect.Pointer:
		return v.IsNil() || plainTexts(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if !plainTexts(v.Field(i)) {
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !plainTexts(v.Index(i)) {
				return false
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if !plainTexts(entries.Key()) || !plainTexts(entries.Value()) {
				return false
			}
		}
	}
	return true
}

// texts names every string of the configuration that is not plain text, at whatever depth.
func (f *faults) texts(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if !plainText(v.String()) {
			f.add(path, "%q is not one line of text", v.String())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			f.texts(path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.texts(join(path, tomlName(v.Type().Field(i))), v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.texts(path, v.Index(i))
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			f.texts(path, k)
			f.texts(join(path, key(k.String())), v.MapIndex(k))
		}
	}
}

// missing reports nil objects, which only a program can make.
func missing[V any](f *faults, path string, v *V) bool {
	if v == nil {
		f.add(path, "is empty")
	}
	return v == nil
}
