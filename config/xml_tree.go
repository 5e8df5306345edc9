package config

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a file that is read.
const (
	maxXML      = maxFile // bytes
	maxElements = 1 << 19
	maxDepth    = 64 // the settings need nine
)

// node is one element of a file.
type node struct {
	name     string
	text     string // of an element without others in it
	line     int
	mixed    bool // text stands beside other elements
	raw      []byte
	children []*node
}

// child returns the first child of a name, or nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// textOf is the text of a child, empty where there is none.
func (n *node) textOf(name string) string {
	if c := n.child(name); c != nil {
		return c.text
	}
	return ""
}

// elements counts n and everything below it.
func (n *node) elements() int {
	sum := 1
	for _, c := range n.children {
		sum += c.elements()
	}
	return sum
}

// parseXML reads a file into its elements. It takes no entities but the five of XML itself, fetches nothing, and its errors
// are *SyntaxErrors.
func parseXML(ctx context.Context, data []byte) (*node, error) {
	data, err := checkEncoding(data)
	if err != nil {
		return nil, err
	}
	p := &xmlParser{data: data, dec: xml.NewDecoder(bytes.NewReader(data))}
	p.dec.CharsetReader = p.charset
	for i := 0; ; i++ {
		if i&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		token, err := p.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.take(token)
		}
		if err != nil {
			return nil, p.located(err)
		}
	}
	if p.root == nil {
		return nil, &SyntaxError{Text: "there is no element in it"}
	}
	return p.root, nil
}

// checkEncoding refuses what is not UTF-8 before the parser sees it.
func checkEncoding(data []byte) ([]byte, error) {
	switch {
	case len(data) > maxXML:
		return nil, &SyntaxError{Text: fmt.Sprintf("larger than %d bytes", maxXML)}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data[:min(4, len(data))], 0) >= 0:
		return nil, &SyntaxError{Line: 1, Text: "it is in UTF-16 or UTF-32; UTF-8 is wanted"}
	case len(bytes.TrimSpace(data)) == 0:
		return nil, &SyntaxError{Text: "it is empty"}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if i := firstInvalid(data); i >= 0 {
		return nil, &SyntaxError{Line: lineAt(data, i), Text: "a byte there is not UTF-8"}
	}
	return data, nil
}

// firstInvalid is the place of the first byte that is not UTF-8, or -1.
func firstInvalid(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func lineAt(data []byte, i int) int { return 1 + bytes.Count(data[:i], []byte("\n")) }

type xmlParser struct {
	data  []byte
	dec   *xml.Decoder
	root  *node
	open  []*node
	count int
}

// charset is asked where a file says that it is not in UTF-8. Old appliances say Latin-1 and write ASCII, which is both.
func (p *xmlParser) charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252":
	default:
		return nil, &SyntaxError{Text: fmt.Sprintf("it says that it is encoded in %q; UTF-8 is wanted", label)}
	}
	for i, b := range p.data {
		if b >= utf8.RuneSelf {
			return nil, &SyntaxError{Line: lineAt(p.data, i), Text: fmt.Sprintf("it says that it is encoded in %q and is not plain ASCII; UTF-8 is wanted", label)}
		}
	}
	return in, nil
}

// located gives an error its line, if it has none.
func (p *xmlParser) located(err error) error {
	line, _ := p.dec.InputPos()
	var own *SyntaxError
	if errors.As(err, &own) {
		if own.Line == 0 {
			own.Line = line
		}
		return own
	}
	var fault *xml.SyntaxError
	if errors.As(err, &fault) {
		return &SyntaxError{Line: fault.Line, Text: fault.Msg}
	}
	return &SyntaxError{Line: line, Text: strings.TrimPrefix(err.Error(), "xml: ")}
}

func refuse(format string, args ...any) error {
	return &SyntaxError{Text: fmt.Sprintf(format, args...)}
}

func (p *xmlParser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.begin(t)
	case xml.EndElement:
		p.end()
	case xml.CharData:
		return p.characters(t)
	case xml.Directive:
		return p.directive(string(t))
	}
	return nil
}

// directive accepts the DOCTYPE line that such files have. What it names is never fetched, and it may declare nothing.
func (p *xmlParser) directive(text string) error {
	switch {
	case !strings.HasPrefix(strings.ToUpper(text), "DOCTYPE") || p.root != nil:
		return refuse("<!%s is not expected", firstWord(text))
	case strings.ContainsAny(text, "[]") || strings.Contains(strings.ToUpper(text), "ENTITY"):
		return refuse("its DOCTYPE declares something; neither entities nor a document type of its own are accepted")
	}
	return nil
}

// firstWord ends before the first sign that could not stand in one line.
func firstWord(text string) string {
	if end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }); end >= 0 {
		text = text[:end]
	}
	return clipped(text)
}

func (p *xmlParser) begin(t xml.StartElement) error {
	line, _ := p.dec.InputPos()
	n := &node{name: t.Name.Local, line: line}
	if t.Name.Space != "" {
		n.name = t.Name.Space + ":" + t.Name.Local
	}
	n.name = clipped(n.name)
	if p.count++; p.count > maxElements {
		return refuse("more than %d elements", maxElements)
	}
	switch {
	case len(p.open) >= maxDepth:
		return refuse("nested deeper than %d", maxDepth)
	case len(p.open) > 0:
		parent := p.open[len(p.open)-1]
		parent.children = append(parent.children, n)
	case p.root != nil:
		return refuse("a second element <%s> behind the end of the first", n.name)
	default:
		p.root = n
	}
	p.open = append(p.open, n)
	return nil
}

// end closes an element. Blanks between the elements in it are layout.
func (p *xmlParser) end() {
	n := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if len(n.children) == 0 {
		n.text = string(n.raw)
	} else if len(bytes.TrimSpace(n.raw)) > 0 {
		n.mixed = true
	}
	n.raw = nil
}

func (p *xmlParser) characters(text []byte) error {
	blank := len(bytes.TrimSpace(text)) == 0
	if len(p.open) == 0 {
		if !blank {
			return refuse("text outside of the elements")
		}
		return nil
	}
	n := p.open[len(p.open)-1]
	if len(n.children) > 0 {
		n.mixed = n.mixed || !blank
		return nil
	}
	n.raw = append(n.raw, text...)
	return nil
}

// clipped shortens a word for a message.
func clipped(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
