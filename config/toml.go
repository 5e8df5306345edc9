package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// fileHead opens every posthouse.toml.
const fileHead = `# Machine-written by Posthouse: every commit replaces this file, and comments are lost.
# An edit made here while Posthouse is stopped is checked at its next start and becomes a revision.

`

// maxFile is the largest posthouse.toml that is read, in bytes.
const maxFile = 64 << 20

// Encode returns the settings as posthouse.toml holds them. The same settings are the same bytes, in whatever order
// and form they were entered; c is not modified.
func Encode(c *Config) []byte {
	c = c.Clone()
	c.Normalize()
	var b bytes.Buffer
	b.WriteString(fileHead)
	enc := toml.NewEncoder(&b)
	enc.Indent = ""
	if err := enc.Encode(c); err != nil {
		// The buffer cannot fail and every type of Config has a TOML form.
		panic(fmt.Sprintf("encode configuration: %v", err))
	}
	return b.Bytes()
}

// Decode reads posthouse.toml. Unknown keys, keys in another case and values of another type are errors; all of
// them are a *SyntaxError with line and key. The settings are in canonical form and not yet validated.
func Decode(data []byte) (*Config, error) {
	if len(data) > maxFile {
		return nil, &SyntaxError{Text: fmt.Sprintf("larger than %d bytes", maxFile)}
	}
	// Hand-edited files may have the line ends of another system; inside values TOML refuses a bare CR anyway.
	c := new(Config)
	md, err := toml.Decode(string(data), c)
	if err != nil {
		return nil, syntaxError(err)
	}
	if k := strangeKey(md); k != nil {
		return nil, &SyntaxError{Line: lineOf(string(data), k), Key: pathOf(k), Text: strangeText(k)}
	}
	c.Normalize()
	return c, nil
}

func syntaxError(err error) error {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return &SyntaxError{Text: err.Error()}
	}
	text := pe.Message
	if text == "" {
		// A value of the wrong type: the library's own text repeats the line and the key.
		text = pe.Error()
		if _, rest, ok := strings.Cut(text, "): "); ok {
			text = rest
		}
	}
	return &SyntaxError{Line: pe.Position.Line, Key: pe.LastKey, Text: text}
}

// strangeKey returns the first key of the file that is not exactly the name of a setting, or nil. The library itself
// takes keys in any case.
func strangeKey(md toml.MetaData) toml.Key {
	for _, k := range md.Keys() {
		if _, ok := settingType(k); !ok {
			return k
		}
	}
	for _, k := range md.Undecoded() {
		return k
	}
	return nil
}

// settingType returns the type of the setting at a path, whose parts are exact.
func settingType(path []string) (reflect.Type, bool) {
	t := reflect.TypeFor[Config]()
	for _, part := range path {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Map:
			t = t.Elem()
		case reflect.Struct:
			f, ok := fieldNamed(t, part)
			if !ok {
				return nil, false
			}
			t = f.Type
		default:
			return nil, false
		}
	}
	return t, true
}

func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); tomlName(f) == name && name != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// tomlName returns a field's name in posthouse.toml, empty when it is not there.
func tomlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// strangeText says what a key that is none was probably meant to be.
func strangeText(k toml.Key) string {
	for n := range k {
		if _, ok := settingType(k[:n+1]); ok {
			continue
		}
		parent, _ := settingType(k[:n])
		for parent != nil && (parent.Kind() == reflect.Pointer || parent.Kind() == reflect.Slice) {
			parent = parent.Elem()
		}
		if parent == nil || parent.Kind() != reflect.Struct {
			break
		}
		for i := range parent.NumField() {
			if name := tomlName(parent.Field(i)); strings.EqualFold(name, k[n]) {
				return fmt.Sprintf("unknown key %q: it is written %q", k[n], name)
			}
		}
	}
	return fmt.Sprintf("unknown key %q", k[len(k)-1])
}

func pathOf(k toml.Key) string {
	parts := make([]string, len(k))
	for i, p := range k {
		parts[i] = key(p)
	}
	return join(parts...)
}

// lineOf returns the line on which a key first stands, or 0. The library knows no line of a key that it decoded or
// ignored, so the line is looked for: it is the first one that mentions the key's last part and that, added to the
// lines before it, brings the key in. Only a file that is refused pays for it.
func lineOf(text string, want toml.Key) int {
	lines := strings.SplitAfter(text, "\n")
	last := want[len(want)-1]
	for i, line := range lines {
		if strings.Contains(line, last) && bringsIn(lines, i, want) {
			return i + 1
		}
	}
	return 0
}

// bringsIn parses the lines up to the i-th and, since its value may go on, some more until they are whole.
func bringsIn(lines []string, i int, want toml.Key) bool {
	const longestValue = 200 // lines
	for end := i + 1; end <= len(lines) && end <= i+longestValue; end++ {
		var any map[string]any
		md, err := toml.Decode(strings.Join(lines[:end], ""), &any)
		if err != nil {
			continue
		}
		for _, k := range md.Keys() {
			if k.String() == want.String() {
				return true
			}
		}
		return false
	}
	return false
}
