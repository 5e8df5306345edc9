package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// XMLRead says how a saved configuration is read.
type XMLRead struct {
	Keys        []*ExportKey                                             // what secrets may be encrypted under
	Certificate func(pem []byte) ([]byte, error)                         // judges a profile's content and gives it the vault's form; nil: it is taken as it is
	Put         func(kind string, content []byte) (id string, err error) // keeps a secret; nil: none is kept
}

// NotUnderstood is an element of a file that was passed over.
type NotUnderstood struct {
	Path string // such as config/listeners/listener[2]/protocol
	Line int
	Text string // why
}

func (n NotUnderstood) String() string {
	return fmt.Sprintf("%s (line %d): %s", n.Path, n.Line, n.Text)
}

// LoadedXML is what a file was read into.
type LoadedXML struct {
	Config        *Config         // in canonical form and valid
	NotUnderstood []NotUnderstood // in the order of the file, then what would not have been valid; at most maxNotes
	More          int             // how many more there were
}

// maxNotes bounds the list of what was not understood.
const maxNotes = 1000

// ErrLockedXML says that a file's secrets are encrypted under an export key that was not given.
var ErrLockedXML = errors.New("its passphrases are encrypted under the export key of another appliance")

var errTwice = errors.New("it is there twice")

// ReadXML reads a saved configuration and lays it over present: a section that the file has replaces ours, an element that
// it does not have leaves our value. Of a file of another appliance it takes what it understands and lists the rest; a
// file of ours is taken whole or refused. Errors of the file are *SyntaxErrors, or wrap ErrLockedXML; a file of ours whose
// settings are wrong gives the error of Validate. Secrets are put into the vault only when everything else has succeeded.
func ReadXML(ctx context.Context, data []byte, present *Config, opt XMLRead) (*LoadedXML, error) {
	root, err := parseXML(ctx, data)
	if err != nil {
		return nil, err
	}
	if root.name != "config" {
		return nil, &SyntaxError{Line: root.line, Text: fmt.Sprintf("<config> is wanted, not <%s>", root.name)}
	}
	r := newXMLReader(ctx, present, opt)
	if err := r.whole(root); err != nil {
		return nil, err
	}
	return &LoadedXML{Config: r.config, NotUnderstood: r.notes, More: r.more}, nil
}

func newXMLReader(ctx context.Context, present *Config, opt XMLRead) *xmlReader {
	present = present.Clone()
	present.Normalize()
	return &xmlReader{
		ctx: ctx, opt: opt, present: present, config: present.Clone(), refs: maps.Clone(present.Refs),
		contents: make(map[string]stored), secretAt: make(map[string]placed), objectAt: make(map[string]placed),
		slots: make(map[string]map[string]slot),
	}
}

// placed is an element with its path.
type placed struct {
	*node
	path string
}

type xmlReader struct {
	ctx     context.Context // ends the reading
	opt     XMLRead
	present *Config
	config  *Config
	refs    map[string]string // becomes config.Refs

	contents map[string]stored // by reference, what goes into the vault
	secretAt map[string]placed // by reference
	objectAt map[string]placed // by path, where an object or a section stands

	slots map[string]map[string]slot // by the path of the struct
	notes []NotUnderstood
	more  int
	fatal error // why the file is refused
}

// whole reads the file, then judges the result.
func (r *xmlReader) whole(root *node) error {
	own, err := r.format(root)
	if err != nil {
		return err
	}
	if err := r.read(root); err != nil {
		return err
	}
	if own && len(r.notes) > 0 {
		return r.unclean()
	}
	if err := r.settle(own); err != nil {
		return err
	}
	return r.keep()
}

// read lays the file over the configuration.
func (r *xmlReader) read(root *node) error {
	if err := r.table(root, "", nil, reflect.ValueOf(r.config).Elem(), "config"); err != nil {
		return err
	}
	r.config.Refs = r.refs
	r.mandatory()
	r.strays()
	return nil
}

// format says whether the file is one of ours, in a form that is known.
func (r *xmlReader) format(root *node) (own bool, err error) {
	n := root.child(formatElement)
	if n == nil {
		return false, nil
	}
	if strings.TrimSpace(n.text) != formatNumber {
		return false, &SyntaxError{Line: n.line, Text: fmt.Sprintf("its format is %q and this version knows %s only", clipped(n.text), formatNumber)}
	}
	return true, nil
}

// unclean refuses a file of ours with something in it that we did not write.
func (r *xmlReader) unclean() error {
	first := r.notes[0]
	text := first.Text
	if n := len(r.notes) - 1 + r.more; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return &SyntaxError{Line: first.Line, Key: first.Path, Text: text}
}

// note lists an element that is passed over.
func (r *xmlReader) note(n *node, path, text string) {
	if len(r.notes) >= maxNotes {
		r.more++
		return
	}
	const most = 300
	text = strings.ReplaceAll(text, "\n", "; ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	r.notes = append(r.notes, NotUnderstood{path, n.line, text})
}

// going says whether the reading goes on. Files are large: whoever waits for one may have changed their mind.
func (r *xmlReader) going() bool {
	if r.fatal == nil {
		r.fatal = r.ctx.Err()
	}
	return r.fatal == nil
}

// stop refuses the whole file.
func (r *xmlReader) stop(n *node, err error) error {
	if r.fatal == nil {
		r.fatal = &XMLError{Line: n.line, Element: n.name, Err: err}
	}
	return r.fatal
}

// XMLError is why a file is refused at one of its elements.
type XMLError struct {
	Line    int
	Element string
	Err     error
}

func (e *XMLError) Error() string { return fmt.Sprintf("line %d: <%s>: %v", e.Line, e.Element, e.Err) }

// Unwrap returns the reason.
func (e *XMLError) Unwrap() error { return e.Err }

// pathsOf returns the path of each child, with its number where it has namesakes.
func pathsOf(at string, children []*node) func(i int) string {
	count, number := make(map[string]int), make([]int, len(children))
	for i, c := range children {
		count[c.name]++
		number[i] = count[c.name]
	}
	return func(i int) string {
		if name := children[i].name; count[name] > 1 {
			return at + "/" + name + "[" + strconv.Itoa(number[i]) + "]"
		}
		return at + "/" + children[i].name
	}
}

// table reads the settings of a struct.
func (r *xmlReader) table(n *node, path string, aside func(*node) bool, v reflect.Value, at string) error {
	slots, paths := r.slotsAt(path, v.Type()), pathsOf(at, n.children)
	seen := make(map[string]bool)
	for i, c := range n.children {
		if aside != nil && aside(c) {
			continue
		}
		where := at + "/" + c.name
		s, known := slots[c.name]
		switch {
		case known && seen[c.name]:
			return r.stop(c, errTwice)
		case known:
			seen[c.name] = true
			r.setting(c, &s, v, where)
		case path == "" && c.name == formatElement:
		case path == "" && c.name == secretsElement && !seen[c.name]:
			seen[c.name] = true
			r.otherSecrets(c, where)
		default:
			r.unknown(c, paths(i))
		}
		if r.fatal != nil {
			return r.fatal
		}
	}
	return nil
}

// slotsAt returns the settings of a struct by element.
func (r *xmlReader) slotsAt(path string, t reflect.Type) map[string]slot {
	if slots, ok := r.slots[path]; ok {
		return slots
	}
	slots := make(map[string]slot)
	for _, s := range slotsOf(t, path, nil) {
		slots[s.name] = s
	}
	r.slots[path] = slots
	return slots
}

// unknown lists an element that stands for nothing here. A masked secret in it says that the file is masked.
func (r *xmlReader) unknown(n *node, path string) {
	if m := maskedWithin(n); m != nil {
		r.stop(m, errMasked)
		return
	}
	text := "it stands for nothing here"
	if more := n.elements() - 1; more > 0 {
		text += fmt.Sprintf(", nor do the %d elements in it", more)
	}
	r.note(n, path, text)
}

// maskedWithin finds an element of a secret's name whose text is stars.
func maskedWithin(n *node) *node {
	name := strings.ToLower(n.name)
	named := slices.ContainsFunc([]string{"pass", "secret", "key", "pwd"}, func(s string) bool { return strings.Contains(name, s) })
	if named && len(n.children) == 0 && isMasked(n.text) {
		return n
	}
	for _, c := range n.children {
		if m := maskedWithin(c); m != nil {
			return m
		}
	}
	return nil
}

// setting reads one setting of the struct v. What cannot be read leaves the value as it was.
func (r *xmlReader) setting(n *node, s *slot, v reflect.Value, at string) {
	if !strings.Contains(s.path, ".") {
		r.objectAt[s.path] = placed{n, at}
	}
	if s.form != nil {
		if !r.flat(n, at) {
			return
		}
		r.text(n, s, v, at)
		return
	}
	r.value(n, s.element, s.path, s.in(v), at)
}

// text reads a setting that is one text. What is passed over in it is listed with its line.
func (r *xmlReader) text(n *node, s *slot, v reflect.Value, at string) {
	left, err := s.form.read(s.holder(v), n.text)
	var fault *SyntaxError
	switch {
	case errors.As(err, &fault):
		left = []*SyntaxError{fault}
	case err != nil:
		left = []*SyntaxError{{Text: err.Error()}}
	}
	for _, e := range left {
		r.note(&node{line: n.line + max(1, e.Line) - 1}, at, e.Text)
	}
}

// flat says whether an element is one text.
func (r *xmlReader) flat(n *node, at string) bool {
	if len(n.children) == 0 {
		return true
	}
	r.note(n, at, "a text is wanted, not elements")
	return false
}

func (r *xmlReader) value(n *node, e element, path string, v reflect.Value, at string) {
	empty := len(n.children) == 0 && strings.TrimSpace(n.text) == ""
	container := v.Kind() == reflect.Struct || v.Kind() == reflect.Map || v.Kind() == reflect.Slice
	switch {
	case v.Kind() == reflect.Pointer:
		r.optional(n, e, path, v, at, empty)
	case container && (n.mixed || len(n.children) == 0 && !empty):
		r.note(n, at, "elements are wanted in it, not text")
	case v.Kind() == reflect.Struct:
		r.table(n, path, nil, v, at)
	case v.Kind() == reflect.Map:
		r.objects(n, e, path, v, at)
	case v.Kind() == reflect.Slice:
		r.list(n, e, path, v, at)
	case r.flat(n, at):
		if err := setScalar(v, e.words.in(n.text)); err != nil {
			r.note(n, at, err.Error())
		}
	}
}

// optional reads what may be unset, which an empty element says.
func (r *xmlReader) optional(n *node, e element, path string, v reflect.Value, at string, empty bool) {
	if empty {
		v.SetZero()
		return
	}
	fresh := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		deepCopy(fresh.Elem(), v.Elem())
	}
	before := len(r.notes) + r.more
	r.value(n, e, path, fresh.Elem(), at)
	if len(r.notes)+r.more == before || v.Type().Elem().Kind() == reflect.Struct {
		v.Set(fresh)
	}
}

// list reads a list, which replaces the present one.
func (r *xmlReader) list(n *node, e element, path string, v reflect.Value, at string) {
	list := reflect.MakeSlice(v.Type(), 0, len(n.children))
	own, paths := elementAt(path+"."+anyEntry, e.entry), pathsOf(at, n.children)
	for i, c := range n.children {
		where := paths(i)
		if c.name != own.name {
			r.unknown(c, where)
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		before := len(r.notes) + r.more
		r.value(c, own, path+"."+anyEntry, value, where)
		if !r.going() {
			return
		}
		if value.Kind() == reflect.Struct || len(r.notes)+r.more == before {
			list = reflect.Append(list, value)
		}
	}
	v.Set(list)
}

// setScalar reads a single value.
func setScalar(v reflect.Value, text string) error {
	word := strings.ToLower(strings.TrimSpace(text))
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		switch word {
		case "yes", "true", "on", "1":
			v.SetBool(true)
		case "no", "false", "off", "0", "":
			v.SetBool(false)
		default:
			return fmt.Errorf("%q is neither yes nor no", clipped(text))
		}
		return nil
	}
	n, err := strconv.ParseInt(word, 10, v.Type().Bits())
	if err != nil {
		return fmt.Errorf("%q is not a number", clipped(text))
	}
	v.SetInt(n)
	return nil
}
