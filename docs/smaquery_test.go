package docs

import (
	"fmt"
	"reflect"
	"strings"

	"posthouse/commands"
)

const smaqueryHead = `# What a management appliance asks: smaquery

Made from the program's types by ` + "`make docs`" + `. ` + "`smaquery`" + ` prints one JSON document about the configuration in force and the
state of the appliance. It only reads.

## Letting a management appliance in

Give it a user of its own, with the role that sees and changes nothing, and a key that runs this one command:

    userconfig new smaquery readonly "Management appliance" generate
    sshconfig userkey new smaquery "ssh-ed25519 AAAA... sma" command smaquery from 192.0.2.40
    commit "management appliance"

Then ` + "`ssh -i key smaquery@mail.example.com`" + ` prints the document, with or without a terminal, and
` + "`ssh -i key smaquery@mail.example.com smaquery listeners certificates`" + ` two sections of it. Anything else is refused. Any other
user whose role permits it can type ` + "`smaquery`" + ` as well.

## The contract

` + "`version`" + ` is 1. It grows when a field goes or gets another meaning; new fields may come without that, so a reader ignores what
it does not know. Times are RFC 3339, sizes are in bytes. A section that was not asked for is left out, an empty list is ` + "`[]`" + `,
and what does not exist is ` + "`null`" + `. Each counter has three numbers: ` + "`reset`, `uptime` and `lifetime`" + `, since the last reset,
since the start, and since the first start ever.

There is no central quarantine (the.cpq.host) in this version: ` + "`quarantine`" + ` says so, with ` + "`enabled`" + ` false.
`

// smaqueryPage is the reference of smaquery's document: a table for each section, of the types that are printed.
func smaqueryPage() string {
	var page strings.Builder
	page.WriteString(smaqueryHead)
	document := reflect.TypeFor[commands.SMADocument]()
	page.WriteString("\n## The document\n\n")
	fieldTable(&page, document, "")
	for i := range document.NumField() {
		f := document.Field(i)
		if inner := structOf(f.Type); inner != nil {
			fmt.Fprintf(&page, "\n## %s\n\n", fieldName(f))
			fieldTable(&page, inner, "")
		}
	}
	return page.String()
}

// fieldTable lists the fields of a type, those of the types within it below them.
func fieldTable(page *strings.Builder, t reflect.Type, prefix string) {
	if prefix == "" {
		page.WriteString("| field | type | what it is |\n| --- | --- | --- |\n")
	}
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Fprintf(page, "| `%s%s` | %s | %s |\n", prefix, fieldName(f), typeName(f.Type), cell(f.Tag.Get("doc")))
		inner := structOf(f.Type)
		if inner == nil || t == reflect.TypeFor[commands.SMADocument]() || inner.NumField() == 3 && fieldName(inner.Field(0)) == "reset" {
			continue // sections have tables of their own, and counters are all the same
		}
		name := prefix + fieldName(f)
		if f.Type.Kind() == reflect.Slice {
			name += "[]"
		}
		fieldTable(page, inner, name+".")
	}
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// structOf is the struct that a type is, points to or lists; nil for none.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

// typeName is a type in JSON's words.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return typeName(t.Elem())
		}
		return typeName(t.Elem()) + " or null"
	case reflect.Slice:
		return "list of " + typeName(t.Elem()) + "s"
	case reflect.Struct:
		if t.NumField() == 3 && fieldName(t.Field(0)) == "reset" {
			return "counter"
		}
		return "object"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	}
	return "number"
}
