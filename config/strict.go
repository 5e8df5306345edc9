package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// checkTree says which key of a parsed file is not exactly the name of a setting, or which value is not of its kind.
// The library itself takes keys in any case, and knows no line of what it does not take.
func checkTree(text string, tree map[string]any) error {
	fault := checkValue(reflect.TypeFor[Config](), tree, nil)
	if fault == nil {
		return nil
	}
	last := fault.path[len(fault.path)-1]
	line := lineOf(text, last, func(md toml.MetaData, tree map[string]any) bool {
		f := checkValue(reflect.TypeFor[Config](), tree, nil)
		return f != nil && slices.Equal(f.path, fault.path)
	})
	return &SyntaxError{Line: line, Key: pathOf(fault.path), Text: fault.text}
}

type treeFault struct {
	path []string
	text string
}

// checkValue compares a parsed value with the type of its setting, at whatever depth.
func checkValue(t reflect.Type, value any, path []string) *treeFault {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if table, ok := value.(map[string]any); ok {
			return checkTable(t, table, path)
		}
		return wrongKind(path, "a table", value)
	case reflect.Slice:
		return checkList(t, value, path)
	case reflect.String:
		if _, ok := value.(string); !ok {
			return wrongKind(path, "a text", value)
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return wrongKind(path, "true or false", value)
		}
	default:
		if _, ok := value.(int64); !ok {
			return wrongKind(path, "a whole number", value)
		}
	}
	return nil
}

func checkTable(t reflect.Type, table map[string]any, path []string) *treeFault {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		at := append(slices.Clip(path), name)
		value := t
		if t.Kind() == reflect.Map {
			value = t.Elem()
		} else if f, ok := fieldNamed(t, name); ok {
			value = f.Type
		} else {
			return &treeFault{at, unknownKey(t, name)}
		}
		if f := checkValue(value, table[name], at); f != nil {
			return f
		}
	}
	return nil
}

func checkList(t reflect.Type, value any, path []string) *treeFault {
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return wrongKind(path, "a list", value)
	}
	for i := range list.Len() {
		if f := checkValue(t.Elem(), list.Index(i).Interface(), path); f != nil {
			return f
		}
	}
	return nil
}

func wrongKind(path []string, wanted string, value any) *treeFault {
	found := "something else"
	switch value.(type) {
	case string:
		found = "a text"
	case int64, float64:
		found = fmt.Sprint("the number ", value)
	case bool:
		found = fmt.Sprint(value)
	case map[string]any:
		found = "a table"
	case []any, []map[string]any:
		found = "a list"
	}
	return &treeFault{path, fmt.Sprintf("%s is wanted, not %s", wanted, found)}
}

// unknownKey also says what the key was probably meant to be.
func unknownKey(t reflect.Type, name string) string {
	for i := range t.NumField() {
		if known := tomlName(t.Field(i)); strings.EqualFold(known, name) && known != "" {
			return fmt.Sprintf("unknown key %q: it is written %q", name, known)
		}
	}
	return fmt.Sprintf("unknown key %q", name)
}

// lineOf returns the first line that mentions word and that, added to the lines before it, makes true of the parsed
// file what is asked; 0 when there is none. Only a file that is refused pays for parsing again and again.
func lineOf(text, word string, is func(toml.MetaData, map[string]any) bool) int {
	const mostTries = 200
	lines := strings.SplitAfter(text, "\n")
	tries := 0
	for i, line := range lines {
		if !strings.Contains(line, word) {
			continue
		}
		if tries++; tries > mostTries {
			break
		}
		if wholeLines(lines, i, is) {
			return i + 1
		}
	}
	return 0
}

// wholeLines parses the lines up to the i-th and, since its value may go on, some more until they are whole.
func wholeLines(lines []string, i int, is func(toml.MetaData, map[string]any) bool) bool {
	const longestValue = 100
	for end := i + 1; end <= min(len(lines), i+longestValue); end++ {
		var tree map[string]any
		if md, err := toml.Decode(strings.Join(lines[:end], ""), &tree); err == nil {
			return is(md, tree)
		}
	}
	return false
}

// lineOfKey returns the line on which a key first stands, or 0.
func lineOfKey(text string, path []string) int {
	return lineOf(text, path[len(path)-1], func(md toml.MetaData, _ map[string]any) bool {
		return slices.ContainsFunc(md.Keys(), func(k toml.Key) bool { return slices.Equal(k, path) })
	})
}
