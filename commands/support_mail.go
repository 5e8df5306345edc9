package commands

import (
	"context"
	"fmt"
	"io"
	"time"

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
	message := attached{
		subject: "Support request of " + c.Hostname, about: "support", kind: "application/octet-stream", name: name, data: data,
		text: []string{fmt.Sprintf("Attached is a support bundle of %s, made at %s.", c.Hostname, now.Format(time.RFC1123Z))},
	}.message(c, w.to, now)
	if err := a.Engine.Mail(ctx, c.Alerts.From, w.to, message); err != nil {
		return shell.Fail("Unable to send the bundle: %w.", reason(err))
	}
	return nil
}
