package outbound

import (
	"testing"
	"time"

	"posthouse/config"
	"posthouse/mta/smtp"
)

func TestTimeouts(t *testing.T) {
	usual := smtp.DefaultTimeouts()
	d := New(Options{})
	if connect, got := d.timeouts(config.Delivery{}); connect != connectTimeout || got != usual {
		t.Errorf("usually %v, %+v", connect, got)
	}
	want := usual
	want.Banner, want.Command, want.Data, want.Handshake = 2*time.Second, 2*time.Second, 2*time.Second, 3*time.Second
	if connect, got := d.timeouts(config.Delivery{ConnectTimeout: 1, ReplyTimeout: 2, HandshakeTimeout: 3}); connect != time.Second || got != want {
		t.Errorf("as configured %v, %+v", connect, got)
	}
	if *d.opt.Timeouts != usual {
		t.Error("the options have changed")
	}
}
