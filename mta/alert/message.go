package alert

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode"

	"posthouse/config"
)

// The bounds of a message.
const (
	subjectLongest = 200 // runes
	lineLongest    = 900 // octets; RFC 5322 §2.1.1 allows 998
)

// compose writes the message for a group (RFC 5322). Texts come from peers as well: none of them can add a header field.
func compose(c *config.Config, g group, now time.Time) []byte {
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	from := c.Alerts.From
	if from == "" {
		from = "alert@" + c.Hostname
	}
	field("From", oneLine(from))
	field("To", oneLine(g.to[0]))
	for _, to := range g.to[1:] {
		b.Truncate(b.Len() - len("\r\n"))
		b.WriteString(",\r\n " + oneLine(to) + "\r\n")
	}
	field("Date", now.Format(time.RFC1123Z))
	field("Message-ID", fmt.Sprintf("<alert.%d.%s@%s>", now.Unix(), rand.Text(), oneLine(c.Hostname)))
	field("Subject", encoded(clip(oneLine(subject(c, g.notices)))))
	field("Auto-Submitted", "auto-generated") // RFC 3834 §5: no vacation notice comes back
	for _, id := range causes(g.notices) {
		field("X-Posthouse-Cause", oneLine(id))
	}
	field("MIME-Version", "1.0")
	body := text(c, g.notices)
	if plain(body) {
		field("Content-Type", "text/plain; charset=us-ascii")
		field("Content-Transfer-Encoding", "7bit")
		b.WriteString("\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
		return b.Bytes()
	}
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n"))) // a buffer takes everything
	w.Close()
	return b.Bytes()
}

// encoded is a header field's text in ASCII, with a line for each encoded word (RFC 2047 §2).
func encoded(text string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", text), "?= =?", "?=\r\n =?")
}

// subject is "Warning <System> mail.example.com: ..." for one notice, and how many for more.
func subject(c *config.Config, list []notice) string {
	n := list[0]
	if len(list) == 1 {
		return fmt.Sprintf("%s <%s> %s: %s", n.Severity, n.Class, c.Hostname, n.Subject)
	}
	return fmt.Sprintf("Digest %s: %d alerts, the first: %s", c.Hostname, len(list), n.Subject)
}

func causes(list []notice) (ids []string) {
	seen := map[string]bool{}
	for _, n := range list {
		if id := string(n.Cause); id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// text is the message's body, its lines ended by line feeds.
func text(c *config.Config, list []notice) string {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat("-", 72) + "\n\n")
		}
		fmt.Fprintf(&b, "The %s message is:\n\n%s\n", n.Severity, clean(n.Text))
		if n.Held > 0 {
			fmt.Fprintf(&b, "\n%s like this came since the last message and were not sent.\n", count(n.Held))
		}
		fmt.Fprintf(&b, "\nClass: %s\nTime:  %s\n", clean(n.Class), n.At.Format("02 Jan 2006 15:04:05 -0700"))
	}
	fmt.Fprintf(&b, "\nThis message comes from %s; \"alertconfig\" there says who gets which.\n", clean(c.Hostname))
	return b.String()
}

func count(n int) string {
	if n == 1 {
		return "1 more alert"
	}
	return fmt.Sprintf("%d more alerts", n)
}

// plain says that a text can go as it is.
func plain(text string) bool {
	for line := range strings.Lines(text) {
		if len(line) > lineLongest {
			return false
		}
	}
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// clean takes away what a terminal or a mail program would act on; line feeds stay.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == unicode.ReplacementChar) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// oneLine is clean without line feeds: what may stand in a header field.
func oneLine(text string) string {
	return strings.ReplaceAll(clean(text), "\n", " ")
}

func clip(text string) string {
	if r := []rune(text); len(r) > subjectLongest {
		return string(r[:subjectLongest-3]) + "..."
	}
	return text
}
