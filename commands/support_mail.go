package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

// mail sends the bundle through the appliance's own queue. The file stays.
func (w *supporting) mail(ctx context.Context, a *Appliance, name string, size int64, now time.Time) error {
	if len(w.to) == 0 {
		return nil
	}
	if size > supportMailMax {
		return shell.Fail("Unable to send the bundle: it has %s bytes, and %s is the most for mail; fetch the file with scp.", thousands(size), thousands(supportMailMax))
	}
	f, err := configuration(a).Open(name)
	if err != nil {
		return fileFault("read", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, supportMailMax))
	if err != nil {
		return fileFault("read", name, err)
	}
	c := a.Config.Running().Config
	if err := a.Engine.Mail(ctx, c.Alerts.From, w.to, supportMessage(c, w.to, name, data, now)); err != nil {
		return shell.Fail("Unable to send the bundle: %w.", reason(err))
	}
	return nil
}

// supportMessage is the message with the file attached (RFC 2045, RFC 2183). Addresses and names are valid, so none of them
// can add a header field.
func supportMessage(c *config.Config, to []string, name string, data []byte, now time.Time) []byte {
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
	line("Message-ID: <support.%d.%s@%s>", now.Unix(), rand.Text(), c.Hostname)
	line("Subject: Support request of %s", c.Hostname)
	line("Auto-Submitted: auto-generated") // RFC 3834 §5: no vacation notice comes back
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/mixed; boundary=\"%s\"", boundary)
	line("")
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=us-ascii")
	line("")
	line("Attached is a support bundle of %s, made at %s.", c.Hostname, now.Format(time.RFC1123Z))
	line("")
	line("--%s", boundary)
	line("Content-Type: application/octet-stream")
	line("Content-Transfer-Encoding: base64")
	line("Content-Disposition: attachment;\r\n filename=\"%s\"", name)
	line("")
	for encoded := base64.StdEncoding.EncodeToString(data); encoded != ""; {
		n := min(len(encoded), 76)
		line("%s", encoded[:n])
		encoded = encoded[n:]
	}
	line("--%s--", boundary)
	return b.Bytes()
}
