package commands

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"posthouse/config"
)

// attached is a mail of the appliance's own with a file attached to it. Every text in it is one line without control
// characters, in ASCII.
type attached struct {
	subject string
	about   string   // the first word of its Message-ID
	text    []string // what it says, a line each
	kind    string   // the file's media type
	name    string
	data    []byte
}

// message is the mail as it is sent (RFC 2045, RFC 2183). Addresses and names are valid, so none of them can add a header
// field.
func (m attached) message(c *config.Config, to []string, now time.Time) []byte {
	from := c.Alerts.From
	if from == "" {
		from = "alert@" + c.Hostname
	}
	boundary := "posthouse-" + rand.Text()
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("From: %s", from)
	line("To: %s", strings.Join(to, ",\r\n "))
	line("Date: %s", now.Format(time.RFC1123Z))
	line("Message-ID: <%s.%d.%s@%s>", m.about, now.Unix(), rand.Text(), c.Hostname)
	line("Subject: %s", m.subject)
	line("Auto-Submitted: auto-generated") // RFC 3834 §5: no vacation notice comes back
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/mixed; boundary=\"%s\"", boundary)
	line("")
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=us-ascii")
	line("")
	for _, text := range m.text {
		line("%s", text)
	}
	line("")
	line("--%s", boundary)
	line("Content-Type: %s", m.kind)
	line("Content-Transfer-Encoding: base64")
	line("Content-Disposition: attachment;\r\n filename=\"%s\"", m.name)
	line("")
	for encoded := base64.StdEncoding.EncodeToString(m.data); encoded != ""; {
		n := min(len(encoded), 76)
		line("%s", encoded[:n])
		encoded = encoded[n:]
	}
	line("--%s--", boundary)
	return b.Bytes()
}
