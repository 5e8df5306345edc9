package tlsreport

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// errNoKey says why a report is not sent by mail: RFC 8460 §3 wants it signed.
var errNoKey = errors.New("there is no DKIM key and selector to sign it with")

// letter makes the message that takes a report to an address (RFC 8460 §5.3), signed with key.
func letter(r Report, name, to string, id identity, key crypto.Signer, now time.Time) ([]byte, error) {
	if key == nil || id.selector == "" {
		return nil, errNoKey
	}
	attachment, err := r.compress()
	if err != nil {
		return nil, err
	}
	boundary := "tls-report-" + strings.ReplaceAll(strings.Split(r.ID, "@")[0], ".", "-")
	var m bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&m, format+"\r\n", args...) }
	line("From: %s <%s>", quoted(id.organization), id.contact)
	line("To: <%s>", to)
	line("Date: %s", now.Format(time.RFC1123Z))
	line("Message-ID: <%s>", messageID(r, to))
	line("Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>", name, id.host, r.ID)
	line("TLS-Report-Domain: %s", name)
	line("TLS-Report-Submitter: %s", id.host)
	line("TLS-Required: No") // RFC 8689 §3: a report about broken TLS must arrive over broken TLS
	line("Auto-Submitted: auto-generated")
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"%s\"", boundary)
	line("")
	line("--%s", boundary)
	writeText(line, r, name, id)
	line("--%s", boundary)
	line("Content-Type: application/tlsrpt+gzip")
	line("Content-Transfer-Encoding: base64")
	line("Content-Disposition: attachment;\r\n filename=\"%s\"", r.fileName(name, id))
	line("")
	for text := base64.StdEncoding.EncodeToString(attachment); text != ""; {
		n := min(len(text), 76)
		line("%s", text[:n])
		text = text[n:]
	}
	line("--%s--", boundary)
	return sign(m.Bytes(), id, key)
}

// writeText writes the part that people read.
func writeText(line func(string, ...any), r Report, name string, id identity) {
	var good, bad int64
	for _, p := range r.Policies {
		good += p.Summary.Successful
		bad += p.Summary.Failed
	}
	line("Content-Type: text/plain; charset=us-ascii")
	line("Content-Transfer-Encoding: 7bit")
	line("")
	line("This is an aggregate report on TLS (RFC 8460) for mail that %s sent", id.host)
	line("to %s", name)
	line("from %s to %s.", r.Range.Start.Format(time.RFC3339), r.Range.End.Format(time.RFC3339))
	line("")
	line("Sessions that were as they should be: %d", good)
	line("Sessions that were not: %d", bad)
	line("")
	line("The attachment says more. Write to %s with questions.", id.contact)
	line("")
}

// messageID is made of the report's id, which is the same at every attempt, and of the place that it goes to.
func messageID(r Report, to string) string {
	local, host, _ := strings.Cut(r.ID, "@")
	return fmt.Sprintf("%s.%s@%s", local, shortSum(to), host)
}

// quoted is text as a display name (RFC 5322 §3.2.4), encoded where it is not ASCII.
func quoted(text string) string {
	if encoded := mime.QEncoding.Encode("utf-8", text); encoded != text {
		return encoded
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// sign puts a DKIM signature above a message. It covers the whole body: RFC 8460 §3 forbids the l= tag.
func sign(message []byte, id identity, key crypto.Signer) ([]byte, error) {
	var signed bytes.Buffer
	err := dkim.Sign(&signed, bytes.NewReader(message), &dkim.SignOptions{
		Domain: id.dkimDomain, Selector: id.selector, Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: []string{"From", "To", "Date", "Message-ID", "Subject", "TLS-Report-Domain", "TLS-Report-Submitter",
			"TLS-Required", "MIME-Version", "Content-Type"},
	})
	if err != nil {
		return nil, fmt.Errorf("sign report: %w", err)
	}
	return signed.Bytes(), nil
}
