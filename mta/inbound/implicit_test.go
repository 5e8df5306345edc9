package inbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"posthouse/config"
)

// handshake begins TLS without a word before it.
func (c *client) handshake(conf *tls.Config) tls.ConnectionState {
	c.t.Helper()
	conf.InsecureSkipVerify = true
	secured := tls.Client(c.conn, conf)
	if err := secured.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = secured, bufio.NewReader(secured)
	return secured.ConnectionState()
}

// implicit makes the listener one of implicit TLS.
func implicit(mode config.TLSMode, verify bool) func(r *rig, c *config.Config, l *config.Listener) {
	return func(r *rig, c *config.Config, l *config.Listener) {
		offerTLS(mode, verify)(r, c, l)
		l.ImplicitTLS = true
	}
}

func TestImplicitTLS(t *testing.T) {
	for _, mode := range []config.TLSMode{config.TLSOff, config.TLSRequired} {
		r := newRig(t, implicit(mode, false))
		c := r.dial()
		c.handshake(&tls.Config{})
		c.hear("220 mail.example.com ESMTP")
		if offer := c.say("EHLO client.example", "250 SIZE"); strings.Contains(offer, "STARTTLS") {
			t.Error(offer)
		}
		c.send("a@b.example", "a@example.com", "x\r\n", "250")
		c.quit()
		lines := r.awaitLog(1)
		if !strings.HasPrefix(lines[2], "ICID 1 TLS success protocol TLSv1.3 cipher TLS_") {
			t.Errorf("mail_logs:\n%s", strings.Join(lines, "\n"))
		}
		if body := r.spool.messages[1]; !strings.Contains(body, "with ESMTPS (TLSv1.3)") {
			t.Error(body)
		}
	}
}

// TestImplicitTLSFails says of every failure what STARTTLS would say, and nothing to the peer.
func TestImplicitTLSFails(t *testing.T) {
	t.Run("plain text", func(t *testing.T) {
		r := newRig(t, implicit(config.TLSPreferred, false))
		c := r.dial()
		fmt.Fprint(c.conn, "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n")
		if said, _ := io.ReadAll(c.conn); strings.Contains(string(said), "220") {
			t.Errorf("said %q", said)
		}
		c.conn.Close()
		r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H3\]`)
	})
	t.Run("hangs up", func(t *testing.T) {
		r := newRig(t, implicit(config.TLSPreferred, false))
		r.dial().conn.Close()
		r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[(S7|H4)\]`)
	})
	t.Run("our certificate is unusable", func(t *testing.T) {
		r := newRig(t, func(_ *rig, _ *config.Config, l *config.Listener) { l.ImplicitTLS = true })
		r.dial().gone()
		r.wantMatch(1, `ICID 1 TLS failed: \(0, .*\) \[L1\]`)
	})
	t.Run("client certificate", func(t *testing.T) {
		r := newRig(t, implicit(config.TLSPreferred, true))
		c := r.dial()
		c.handshake(&tls.Config{})
		c.hear("554 5.7.1 TLS client certificate not accepted")
		c.say("EHLO client.example", "554 5.7.1 TLS client certificate not accepted")
		c.say("QUIT", "221")
		c.gone()
		r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H11\]`)
	})
	t.Run("too many connections", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
			implicit(config.TLSPreferred, false)(r, c, l)
			l.HostAccess.Default.MaxConcurrency = new(1)
		})
		one := r.dial()
		one.handshake(&tls.Config{})
		one.hear("220")
		r.dial().gone()
		r.hasLog(2, "ICID 2 Receiving Failed: Connection limit exceeded")
	})
}

// dialFrom connects from another address of the loopback network, and hears the banner.
func (r *rig) dialFrom(addr string) *client {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	conn, err := d.DialContext(context.Background(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r.t.Cleanup(func() { conn.Close() })
	c := &client{r.t, conn, bufio.NewReader(conn)}
	c.hear("220")
	return c
}

// TestTooManyHandshakes counts the handshakes that go on, and gives the place back however one ends.
func TestTooManyHandshakes(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	r.commit(func(c *config.Config, _ *config.Listener) {
		c.Injection.MaxHandshakes, c.Injection.MaxHandshakesPerPeer = 2, 1
	})
	const busy = "421 4.7.0 Too many TLS sessions at this time"
	one, two := r.dialFrom("127.0.0.1"), r.dialFrom("127.0.0.2")
	one.say("STARTTLS", "220")
	again := r.dialFrom("127.0.0.1")
	again.say("STARTTLS", busy)
	again.gone()
	r.hasLog(3, "ICID 3 Receiving Failed: Connection limit exceeded")
	two.say("STARTTLS", "220")
	three := r.dialFrom("127.0.0.3")
	three.say("STARTTLS", busy)
	three.gone()

	one.conn.Close()
	r.awaitLog(1)
	late := r.dialFrom("127.0.0.1")
	late.startTLS(&tls.Config{})
	late.say("NOOP", "250") // so that it is over at the far end too
	more := r.dialFrom("127.0.0.1")
	more.startTLS(&tls.Config{}) // what is over does not count, though the session goes on
	late.quit()
	more.quit()
	two.conn.Close()
	r.awaitLog(2)
	if n := r.l.opts.Counters.handshakes.count(); n != 0 || len(r.l.opts.Counters.handshakes.byAddr) != 0 {
		t.Errorf("%d handshakes are left", n)
	}
}

func (h *handshakes) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// TestTooManyHandshakesAtOnce closes a connection of implicit TLS, which can be told nothing.
func TestTooManyHandshakesAtOnce(t *testing.T) {
	r := newRig(t, implicit(config.TLSPreferred, false))
	r.commit(func(c *config.Config, _ *config.Listener) { c.Injection.MaxHandshakes = 1 })
	one := r.dial()
	fmt.Fprint(one.conn, "\x16\x03\x01") // the beginning of a record
	for r.l.opts.Counters.handshakes.count() == 0 {
		runtime.Gosched()
	}
	r.dial().gone()
	r.hasLog(2, "ICID 2 Receiving Failed: Connection limit exceeded")
}

// TestRequireTLS carries REQUIRETLS and TLS-Required: No to the spool; the first is stronger (RFC 8689 §4.1).
func TestRequireTLS(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	c.say("MAIL FROM:<a@b.example> REQUIRETLS", "555 5.5.4")
	c.startTLS(&tls.Config{})
	if offer := c.say("EHLO client.example", "250 SIZE"); !strings.Contains(offer, "250-REQUIRETLS\r\n") {
		t.Error(offer)
	}
	for i, m := range []struct {
		param, header    string
		require, relaxed bool
	}{
		{"", "", false, false},
		{" REQUIRETLS", "", true, false},
		{"", "TLS-Required: No\r\n", false, true},
		{"", "tls-required:\r\n no \r\n", false, true},
		{"", "TLS-Required: Yes\r\n", false, false},
		{" REQUIRETLS", "TLS-Required: No\r\n", true, false},
	} {
		c.say("MAIL FROM:<a@b.example>"+m.param, "250")
		c.say("RCPT TO:<a@example.com>", "250")
		c.say("DATA", "354")
		c.say(m.header+"\r\nTLS-Required: No\r\n.", "250")
		if got := r.accepted[i]; got.RequireTLS != m.require || got.TLSOptional != m.relaxed {
			t.Errorf("%q %q: required %v, optional %v", m.param, m.header, got.RequireTLS, got.TLSOptional)
		}
	}
	c.quit()
}
