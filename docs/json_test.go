package docs

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"posthouse/commands"
	"posthouse/internal/safefile"
	"posthouse/shell"
)

// jsonField is one field of a document.
type jsonField struct {
	path    string // "hosts[].state"
	kind    string // "list of objects"
	meaning string
}

var (
	timeType = reflect.TypeFor[time.Time]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
)

// jsonFields is the fields of documents of type t, in order, those of objects behind them.
func jsonFields(t reflect.Type, path string) []jsonField {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		if t.Kind() != reflect.Pointer {
			path += "[]"
		}
		return jsonFields(t.Elem(), path)
	case reflect.Map:
		return jsonFields(t.Elem(), path+".NAME")
	case reflect.Struct:
		if t == timeType || t.Implements(textType) {
			return nil
		}
	default:
		return nil
	}
	var fields []jsonField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			fields = append(fields, jsonFields(f.Type, path)...)
			continue
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			panic(fmt.Sprintf("%v.%s has no name in JSON", t, f.Name))
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		kind := jsonKind(f.Type)
		if strings.Contains(options, "omit") {
			kind = strings.TrimSuffix(kind, " or null") + ", optional"
		}
		fields = append(fields, jsonField{at, kind, f.Tag.Get("doc")})
		fields = append(fields, jsonFields(f.Type, at)...)
	}
	return fields
}

// jsonKind is what stands in JSON for a value of type t.
func jsonKind(t reflect.Type) string {
	switch k := t.Kind(); {
	case t == timeType:
		return "time"
	case k == reflect.Pointer:
		return jsonKind(t.Elem()) + " or null"
	case t.Implements(textType):
		return "string"
	case k == reflect.Interface:
		return "number or string"
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "string in base64"
	case k == reflect.Slice, k == reflect.Array:
		return "list of " + jsonKind(t.Elem()) + "s"
	case k == reflect.Map:
		return "object by name of " + jsonKind(t.Elem()) + "s"
	case k == reflect.Struct:
		return "object"
	case k == reflect.String:
		return "string"
	case k == reflect.Bool:
		return "boolean"
	case k >= reflect.Int && k <= reflect.Float64:
		return "number"
	}
	panic(fmt.Sprintf("no JSON for %v", t))
}

// documents calls do with every document of every command.
func documents(do func(c *shell.Command, d shell.Document)) {
	for _, c := range commands.Table(&commands.Appliance{}) {
		for _, d := range c.Documents {
			do(c, d)
		}
	}
}

const jsonHead = `# JSON

Made from the program's command table by ` + "`make docs`" + `. Fields are added from release to release; none is taken away, renamed
or given another type.

Behind any command named here ` + "`--json`" + ` makes it print one JSON document and nothing else on standard output; ` + "`set json on`" + ` does so
for every command of the session. Where "a document a line" stands, each line is one. A form that is not named by itself, such as
one that changes the configuration, prints its command's ` + "`messages`" + `: what it says to people. ` + "`showchanges --json`" + ` tells what was changed.

A command that fails prints no document, unless its document is about the failure (` + "`tlsverify`, `certconfig crl update`" + `); the line that
says why is text and stands where it always does: in an exec request on standard error. The exit status is 0, 1 or 2 as always.
Questions are asked as always: a program gives every word on the line.

Numbers are numbers. A time is text as in RFC 3339, a size is in bytes, a duration in the unit that the field names or its meaning says.
A field that is optional is left out where it has nothing to say; every other one is always there, and a list is never null.
`

// jsonPage is the reference of what --json prints.
func jsonPage() string {
	var page strings.Builder
	page.WriteString(jsonHead)
	last := ""
	documents(func(c *shell.Command, d shell.Document) {
		if c.Name != last {
			fmt.Fprintf(&page, "\n## %s\n", c.Name)
			last = c.Name
		}
		lines := ""
		if d.Lines {
			lines = ", a document a line"
		}
		if _, says := d.Value.(shell.Said); says {
			fmt.Fprintf(&page, "\n`%s`: `messages`, a list of strings.\n", d.For)
			return
		}
		fmt.Fprintf(&page, "\n`%s`%s:\n\n| field | type | meaning |\n| --- | --- | --- |\n", d.For, lines)
		fields := jsonFields(reflect.TypeOf(d.Value), "")
		if len(fields) == 0 {
			fmt.Fprintf(&page, "| NAME | %s | |\n", strings.TrimSuffix(strings.TrimPrefix(jsonKind(reflect.TypeOf(d.Value)), "object by name of "), "s"))
		}
		for _, f := range fields {
			fmt.Fprintf(&page, "| %s | %s | %s |\n", f.path, f.kind, cell(f.meaning))
		}
	})
	return page.String()
}

// contractFile holds every field that was ever promised. It only grows: make docs adds what is new and takes nothing away.
const contractFile = "testdata/json-fields.txt"

// jsonContract is a line for each field of each document.
func jsonContract() []string {
	var list []string
	documents(func(_ *shell.Command, d shell.Document) {
		fields := jsonFields(reflect.TypeOf(d.Value), "")
		if len(fields) == 0 {
			fields = []jsonField{{path: "NAME", kind: jsonKind(reflect.TypeOf(d.Value))}}
		}
		for _, f := range fields {
			list = append(list, fmt.Sprintf("%s: %s, %s", d.For, f.path, f.kind))
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// A field that was promised stays, under its name and with its type; a new one is promised from now on.
func TestJSONContract(t *testing.T) {
	data, err := os.ReadFile(contractFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	promised, kept := strings.Split(strings.TrimSpace(string(data)), "\n"), jsonContract()
	if len(data) == 0 {
		promised = nil
	}
	for _, line := range promised {
		if !slices.Contains(kept, line) {
			t.Errorf("a promised field is gone or has another type: %q. Programs read it; only who edits %s by hand takes it back", line, contractFile)
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(kept), func(line string) bool { return slices.Contains(promised, line) })
	switch {
	case len(fresh) == 0:
	case *update:
		all := slices.Sorted(slices.Values(append(promised, fresh...)))
		if err := safefile.Write(contractFile, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	default:
		t.Errorf("%d fields are not promised in %s, such as %q: run make docs", len(fresh), contractFile, fresh[0])
	}
}

// Every document belongs to its command, and every field has a proper name and says what it means.
func TestJSONDocuments(t *testing.T) {
	proper := regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)
	documents(func(c *shell.Command, d shell.Document) {
		if !strings.HasPrefix(d.For, c.Name) {
			t.Errorf("%s has a document for %q", c.Name, d.For)
		}
		for _, f := range jsonFields(reflect.TypeOf(d.Value), "") {
			name := f.path[strings.LastIndexByte(f.path, '.')+1:]
			if !proper.MatchString(name) {
				t.Errorf("%s: the field %s has no proper name", d.For, f.path)
			}
			if f.meaning == "" {
				t.Errorf("%s: the field %s has no meaning: its tag doc is missing", d.For, f.path)
			}
		}
	})
}

// Every command that prints anything can print it for programs.
func TestEveryCommandHasJSON(t *testing.T) {
	for _, c := range commands.Table(&commands.Appliance{}) {
		if len(c.Documents) == 0 && c.Name != "exit" {
			t.Errorf("%s declares no document", c.Name)
		}
	}
}
