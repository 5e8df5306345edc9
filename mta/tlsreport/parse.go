package tlsreport

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// The bounds of what is read. A report of a large operator about a domain with hundreds of failures has some tens of
// kilobytes.
const (
	maxMessage  = 16 << 20 // bytes of a message or a file
	maxJSON     = 16 << 20 // bytes of a report after decompression
	maxDepth    = 4        // of parts within parts
	maxParts    = 20
	maxReported = 1000 // policies in one report, and failures under one policy

	// maxValues bounds the values in a report by its commas. An empty policy takes three bytes of text, a few bits of what
	// comes compressed, and some hundred bytes of memory.
	maxValues = 200_000
)

// The media types of RFC 8460 §6.4 and §6.5.
const (
	typeGzip = "application/tlsrpt+gzip"
	typeJSON = "application/tlsrpt+json"
)

var (
	errNoReport = errors.New("there is no TLS report in it")
	errTooLarge = errors.New("larger than is accepted")
)

// Parse reads a report from a whole message, from compressed JSON or from JSON, whichever data is.
func Parse(data []byte) (Report, error) {
	switch start := bytes.TrimLeft(data, " \t\r\n"); {
	case len(data) > maxMessage:
		return Report{}, fmt.Errorf("parse TLS report: %w", errTooLarge)
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return parseGzip(data)
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("\xef\xbb\xbf{")):
		return parseJSON(start)
	}
	return parseMessage(data)
}

// parseMessage finds the report in a message: an attachment (RFC 8460 §5.3), or the whole body.
func parseMessage(data []byte) (Report, error) {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(data)))
	header, err := r.ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return Report{}, fmt.Errorf("parse TLS report: header of the message: %w", err)
	}
	report, err := parsePart(header, r.R, maxDepth)
	if err != nil {
		return Report{}, fmt.Errorf("parse TLS report: %w", err)
	}
	return report, nil
}

// parsePart reads the report in one part, or in the parts of it.
func parsePart(header textproto.MIMEHeader, body io.Reader, depth int) (Report, error) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return Report{}, errNoReport
	}
	switch {
	case kind == typeGzip, kind == typeJSON:
		return parseAttachment(kind, header.Get("Content-Transfer-Encoding"), body)
	case strings.HasPrefix(kind, "multipart/") && depth > 0:
		return parseParts(multipart.NewReader(body, params["boundary"]), depth-1)
	}
	return Report{}, errNoReport
}

func parseParts(parts *multipart.Reader, depth int) (Report, error) {
	for range maxParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return Report{}, errNoReport
		}
		if err != nil {
			return Report{}, fmt.Errorf("parts of the message: %w", err)
		}
		report, err := parsePart(part.Header, part, depth)
		if !errors.Is(err, errNoReport) {
			return report, err
		}
	}
	return Report{}, errNoReport
}

func parseAttachment(kind, encoding string, body io.Reader) (Report, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "", "7bit", "8bit", "binary":
	default:
		return Report{}, fmt.Errorf("unknown encoding %q", printable(encoding, 40))
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return Report{}, fmt.Errorf("attachment: %w", err)
	}
	if kind == typeGzip {
		return parseGzip(data)
	}
	return parseJSON(data)
}

// parseGzip decompresses no more than a report may have, whatever the compressed data promises.
func parseGzip(data []byte) (Report, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return Report{}, fmt.Errorf("decompress TLS report: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxJSON+1))
	if err != nil {
		return Report{}, fmt.Errorf("decompress TLS report: %w", err)
	}
	return parseJSON(text)
}

func parseJSON(text []byte) (Report, error) {
	if len(text) > maxJSON || bytes.Count(text, []byte(",")) > maxValues {
		return Report{}, fmt.Errorf("parse TLS report: %w", errTooLarge)
	}
	if !utf8.Valid(text) { // RFC 8460 §4.4: I-JSON
		return Report{}, errors.New("parse TLS report: not UTF-8")
	}
	var r Report
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &r); err != nil {
		return Report{}, fmt.Errorf("parse TLS report: %w", err)
	}
	if err := r.check(); err != nil {
		return Report{}, fmt.Errorf("parse TLS report: %w", err)
	}
	r.clean()
	return r, nil
}

// check refuses what is no report, or one that cannot be true.
func (r *Report) check() error {
	switch {
	case r.ID == "":
		return errors.New("report-id is missing")
	case r.Organization == "":
		return errors.New("organization-name is missing")
	case r.Range.Start.IsZero() || r.Range.End.IsZero() || r.Range.End.Before(r.Range.Start):
		return errors.New("date-range is missing or ends before it begins")
	case len(r.Policies) == 0:
		return errors.New("policies are missing")
	case len(r.Policies) > maxReported:
		return fmt.Errorf("more than %d policies", maxReported)
	}
	for i, p := range r.Policies {
		if err := p.check(); err != nil {
			return fmt.Errorf("policy %d: %w", i+1, err)
		}
	}
	return nil
}

func (p PolicyReport) check() error {
	// 2^53-1 is the largest whole number of I-JSON (RFC 7493 §2.2).
	const most = 1<<53 - 1
	outside := func(n int64) bool { return n < 0 || n > most }
	switch {
	case p.Policy.Type != PolicyTLSA && p.Policy.Type != PolicySTS && p.Policy.Type != PolicyNone:
		return fmt.Errorf("unknown policy-type %q", printable(string(p.Policy.Type), 40))
	case p.Policy.Domain == "":
		return errors.New("policy-domain is missing")
	case outside(p.Summary.Successful), outside(p.Summary.Failed):
		return errors.New("a count is out of range")
	case len(p.Failures) > maxReported:
		return fmt.Errorf("more than %d failure-details", maxReported)
	}
	for _, f := range p.Failures {
		if outside(f.Count) {
			return errors.New("a count is out of range")
		}
	}
	return nil
}

// clean makes every string of a report fit for screens, and short.
func (r *Report) clean() {
	const most, lines = 200, 50
	fix := func(texts ...*string) {
		for _, t := range texts {
			*t = printable(*t, most)
		}
	}
	fix(&r.Organization, &r.Contact, &r.ID)
	for i := range r.Policies {
		p := &r.Policies[i]
		fix(&p.Policy.Domain)
		p.Policy.Text, p.Policy.MX = p.Policy.Text[:min(len(p.Policy.Text), lines)], p.Policy.MX[:min(len(p.Policy.MX), lines)]
		for j := range p.Policy.Text {
			fix(&p.Policy.Text[j])
		}
		for j := range p.Policy.MX {
			fix(&p.Policy.MX[j])
		}
		for j := range p.Failures {
			f := &p.Failures[j]
			fix(&f.Type, &f.SendingIP, &f.Host, &f.Helo, &f.ReceivingIP, &f.Information, &f.Reason)
		}
	}
}
