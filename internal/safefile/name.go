package safefile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name that Name accepts, in bytes.
const MaxName = 128

// Name says whether an operator's file name is a plain name within one folder: 1 to 128 bytes of UTF-8, no path, not
// hidden, nothing that a terminal would act on.
func Name(name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("file name %q: %w", clip(name), err)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("empty")
	case len(name) > MaxName:
		return fmt.Errorf("longer than %d bytes", MaxName)
	case !utf8.ValidString(name):
		return errors.New("not UTF-8")
	case strings.ContainsAny(name, `/\`):
		return errors.New("a name is wanted, not a path")
	case name[0] == '.':
		return errors.New("begins with a full stop")
	case strings.TrimSpace(name) != name:
		return errors.New("begins or ends with a blank")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("holds a control character")
	}
	return nil
}

// clip keeps an error about a name of a megabyte readable.
func clip(s string) string {
	if len(s) > 2*MaxName {
		return s[:2*MaxName] + "..."
	}
	return s
}
