package outbound

import (
	"time"

	"posthouse/config"
	"posthouse/mta/smtp"
)

// timeouts are how long a peer may take: to accept a connection, and then at each stage. What the configuration says
// stands before the options.
func (d *Deliverer) timeouts(c config.Delivery) (connect time.Duration, t smtp.Timeouts) {
	connect, t = d.opt.ConnectTimeout, *d.opt.Timeouts
	set := func(limit *time.Duration, seconds int) {
		if seconds > 0 {
			*limit = time.Duration(seconds) * time.Second
		}
	}
	set(&connect, c.ConnectTimeout)
	set(&t.Banner, c.ReplyTimeout)
	set(&t.Command, c.ReplyTimeout)
	t.Data = min(t.Data, t.Command) // STARTTLS and DATA, which are answered sooner than the rest
	set(&t.Handshake, c.HandshakeTimeout)
	return connect, t
}
