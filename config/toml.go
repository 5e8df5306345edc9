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
	if err := checkNesting(data); err != nil {
		return nil, err
	}
	var tree map[string]any
	if _, err := toml.Decode(string(data), &tree); err != nil {
		return nil, syntaxError(err)
	}
	if err := checkTree(string(data), tree); err != nil {
		return nil, err
	}
	c := new(Config)
	md, err := toml.Decode(string(data), c)
	if err != nil {
		return nil, syntaxError(err)
	}
	for _, k := range md.Undecoded() {
		return nil, &SyntaxError{Key: pathOf(k), Text: "unknown key"}
	}
	c.Normalize()
	return c, nil
}

func syntaxError(err error) error {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return &SyntaxError{Text: err.Error()}
	}
	return &SyntaxError{Line: pe.Position.Line, Key: pe.LastKey, Text: pe.Message}
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

func pathOf(parts []string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = key(p)
	}
	return join(quoted...)
}
