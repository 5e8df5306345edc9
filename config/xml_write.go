package config

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// XMLHead is what the comment at the head of a saved configuration says of the appliance.
type XMLHead struct {
	Product, Model, Version, Serial string
	Now                             time.Time
}

// XMLWrite says how a configuration is written.
type XMLWrite struct {
	Head    XMLHead
	Secrets interface {
		Get(id string) ([]byte, error)
	}
	Key *ExportKey // what secrets are encrypted under; nil: they are masked, and the file cannot be read again
}

// masked stands where a secret is.
const masked = "*****"

// WriteXML writes the whole configuration, secrets and certificates included. The same configuration is the same text, but
// for the line of the head that has the time. It fails when a secret cannot be read or out takes no more.
func WriteXML(out io.Writer, c *Config, opt XMLWrite) error {
	c = c.Clone()
	c.Normalize()
	w := &xmlWriter{out: bufio.NewWriterSize(out, 16<<10), opt: opt, refs: c.Refs, hiddenListener: hiddenListener(c)}
	w.head()
	w.begin("config")
	w.leaf(formatElement, formatNumber)
	for _, s := range slotsOf(reflect.TypeFor[Config](), "", nil) {
		w.setting(&s, reflect.ValueOf(c).Elem())
		if w.err != nil {
			return w.err
		}
	}
	w.otherSecrets()
	w.end("config")
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}

// xmlWriter writes elements. A start tag waits for what comes behind it, so that it never is a line of its own: clients
// take a line such as <config> for a prompt.
type xmlWriter struct {
	out   *bufio.Writer
	opt   XMLWrite
	refs  map[string]string
	open  int  // elements
	fresh bool // nothing stands on the line behind a start tag yet
	err   error

	hiddenListener *Listener
}

func (w *xmlWriter) head() {
	secrets := "encrypted"
	if w.opt.Key == nil {
		secrets = "masked"
	}
	h := w.opt.Head
	fmt.Fprintf(w.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE config SYSTEM \"config.dtd\">\n\n<!--\n"+
		"  Product: %s\n  Model Number: %s\n  Version: %s\n  Serial Number: %s\n  Current Time: %s\n  Passphrases: %s -->\n",
		inComment(h.Product), inComment(h.Model), inComment(h.Version), inComment(h.Serial), localtime.Of(h.Now).Format(time.ANSIC), secrets)
}

// inComment is a text that does not end a comment (XML 1.0 §2.5).
func inComment(text string) string { return strings.ReplaceAll(text, "--", "- -") }

func (w *xmlWriter) indent() {
	if w.fresh {
		w.fresh = false
		return
	}
	w.out.WriteString(strings.Repeat("  ", w.open))
}

func (w *xmlWriter) begin(name string) {
	w.indent()
	w.out.WriteString("<" + name + ">")
	w.open++
	w.fresh = true
}

func (w *xmlWriter) end(name string) {
	w.open--
	w.indent()
	_, err := w.out.WriteString("</" + name + ">\n")
	w.fail(err)
}

func (w *xmlWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *xmlWriter) leaf(name, text string) {
	w.indent()
	_, err := w.out.WriteString("<" + name + ">" + escapeXML(text) + "</" + name + ">\n")
	w.fail(err)
}

// escapeXML keeps line feeds as they are: keys and tables have many. A carriage return would be read as one (XML 1.0 §2.11).
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")

func escapeXML(text string) string { return escaper.Replace(text) }

// setting writes one setting of the struct v.
func (w *xmlWriter) setting(s *slot, v reflect.Value) {
	if s.form != nil {
		w.leaf(s.name, s.form.write(s.holder(v)))
		return
	}
	w.value(s.element, s.path, s.in(v))
}

func (w *xmlWriter) value(e element, path string, v reflect.Value) {
	if w.err != nil {
		return // nobody wants more
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			w.leaf(e.name, "")
			return
		}
		w.value(e, path, v.Elem())
	case reflect.Struct:
		w.begin(e.name)
		w.table(path, nil, v)
		w.end(e.name)
	case reflect.Map:
		w.begin(e.name)
		for _, key := range sortedKeys(v) {
			w.object(e, path, key.String(), v.MapIndex(key))
		}
		if path == "listeners" {
			w.hidden(e, path)
		}
		w.end(e.name)
	case reflect.Slice:
		w.begin(e.name)
		for i := range v.Len() {
			w.value(elementAt(path+"."+anyEntry, e.entry), path+"."+anyEntry, v.Index(i))
		}
		w.end(e.name)
	default:
		w.leaf(e.name, e.words.out(scalarText(v)))
	}
}

func (w *xmlWriter) table(path string, first []string, v reflect.Value) {
	for _, s := range slotsOf(v.Type(), path, first) {
		w.setting(&s, v)
	}
}

// object writes one entry of a map.
func (w *xmlWriter) object(e element, path, key string, v reflect.Value) {
	w.begin(e.entry)
	w.leaf(e.key, key)
	for _, f := range e.fixed {
		w.leaf(f.name, f.value(key))
	}
	at := path + "." + anyEntry
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		w.table(at, e.first, v.Elem())
	case v.Kind() != reflect.Pointer:
		w.value(elementAt(at, "value"), at, v)
	}
	if e.secrets != nil {
		w.objectSecret(e.secrets, key)
	}
	w.end(e.entry)
}

// hidden writes the listener that is in every such file.
func (w *xmlWriter) hidden(e element, path string) {
	e.fixed = []fixedElement{{"protocol", func(string) string { return protocolCPQ }}}
	w.object(e, path, HiddenListener, reflect.ValueOf(w.hiddenListener))
}

// scalarText is a single value as the XML has it.
func scalarText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	}
	panic(fmt.Sprintf("config has a %s, which the XML cannot hold", v.Type()))
}

// content returns what a reference names, with its kind.
func (w *xmlWriter) content(ref string) (kind string, content []byte) {
	id := w.refs[ref]
	content, err := w.opt.Secrets.Get(id)
	if err != nil {
		w.fail(fmt.Errorf("%s: %w", refPath(ref), err))
	}
	kind, _, _ = strings.Cut(id, "-")
	return kind, content
}

func (w *xmlWriter) secret(name, kind string, content []byte) {
	text := masked
	if w.opt.Key != nil {
		text = wrapped(w.opt.Key.seal(kind, content))
	}
	w.leaf(name, text)
}

// wrapped breaks a long text into lines, behind what opens it.
func wrapped(text string) string {
	const width = 76
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return b.String() + text
}

// objectSecret writes what an object has in the vault: a certificate's keys are secret and its certificates are not.
func (w *xmlWriter) objectSecret(s *objectSecret, key string) {
	if w.refs[s.ref(key)] == "" {
		w.leaf(s.secret, "")
		return
	}
	kind, content := w.content(s.ref(key))
	blocks, ok := pemBlocks(content)
	if s.certificate == "" || !ok {
		w.secret(s.secret, kind, content)
		return
	}
	for _, b := range blocks {
		switch text := pem.EncodeToMemory(b); {
		case b.Type == pemCertificate:
			w.leaf(s.certificate, string(text))
		case b.Type == pemRequest:
			w.leaf(s.request, string(text))
		default:
			w.secret(s.secret, kind, text)
		}
	}
}

const (
	pemCertificate = "CERTIFICATE"
	pemRequest     = "CERTIFICATE REQUEST"
)

// pemBlocks takes content apart. It says no where putting it together again would not give the same bytes.
func pemBlocks(content []byte) (blocks []*pem.Block, ok bool) {
	var again []byte
	for b, rest := pem.Decode(content); b != nil; b, rest = pem.Decode(rest) {
		blocks = append(blocks, b)
		again = append(again, pem.EncodeToMemory(b)...)
	}
	return blocks, len(blocks) > 0 && string(again) == string(content)
}

// public says that content is a list of certificates, which everybody may see.
func public(content []byte) bool {
	blocks, ok := pemBlocks(content)
	for _, b := range blocks {
		ok = ok && b.Type == pemCertificate
	}
	return ok
}
