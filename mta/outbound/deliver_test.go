package outbound

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

func TestDeliveryInClear(t *testing.T) {
	got := make(chan string, 1)
	p := newPeer(t, func(_ int, l *line) {
		l.greet()
		l.hear("MAIL FROM:<a@x.example>\r\n", "250 2.1.0 ok\r\n")
		l.hear("RCPT TO:<b@peer.example>\r\n", "250 2.1.5 ok\r\n")
		l.hear("RCPT TO:<c@peer.example>\r\n", "550 5.1.1 no such user\r\n")
		l.hear("DATA", "354 go\r\n")
		got <- l.take("250 2.0.0 ok:  Message 9 accepted\r\n")
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		c.Routes["x.example"] = &config.Route{Hops: []string{"/dev/null"}}
	})
	m := b.send("b@peer.example", "c@peer.example")
	b.expect(
		"New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port *",
		"Delivery start DCID 1 MID 1 to RID [0, 1]",
		"Message done DCID 1 MID 1 to RID [0]",
		"MID 1 RID [0] Response '2.0.0 ok:  Message 9 accepted'",
		"Bounced: DCID 1 MID 1 to RID 1 - 5.1.0 - Unknown address error ('550', ['5.1.1 no such user']) []",
		"Start MID 2 ICID 0", "MID 2 was generated for bounce of MID 1", "MID 2 ICID 0 From: <>",
		"MID 2 ICID 0 RID 0 To: <a@x.example>", "MID 2 queued for delivery", "Message finished MID 1 done",
	)
	b.until("Message finished MID 2 done")
	if content := <-got; content != strings.Replace(letter, "\r\n.dot", "\r\n..dot", 1) {
		t.Errorf("content %q", content)
	}
	if _, err := b.spool.Open(m.MID); err == nil {
		t.Error("the message is still in the spool")
	}
	if h, _ := b.queue.Host("peer.example"); h.State != queue.Up || h.Delivered != 1 || h.FiveXXHard != 1 || h.LastTLS != "none" || h.Last5XX != "550 5.1.1 no such user" {
		t.Errorf("host %+v", h)
	}
}

func TestSeveralMessagesOnOneConnection(t *testing.T) {
	hold := make(chan struct{})
	p := newPeer(t, func(n int, l *line) {
		l.greet("PIPELINING")
		<-hold
		l.accept()
		if n == 0 {
			l.accept()
			l.hear("MAIL", "421 4.7.0 enough\r\n")
			return
		}
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		c.Destinations["peer.example"] = &config.Destination{Concurrency: new(1)}
	})
	for range 3 {
		b.send("b@peer.example")
	}
	close(hold)
	b.expect(
		"New SMTP DCID 1 *", "Delivery start DCID 1 MID 1 to RID [0]", "Message done DCID 1 MID 1 to RID [0]", "*", "Message finished MID 1 done",
		"Delivery start DCID 1 MID 2 to RID [0]", "Message done DCID 1 MID 2 to RID [0]", "*", "Message finished MID 2 done",
		// The peer has had enough: the third message is no worse for it, and goes over a new connection.
		"Delivery start DCID 1 MID 3 to RID [0]", "DCID 1 close",
		"New SMTP DCID 2 *", "Delivery start DCID 2 MID 3 to RID [0]", "Message done DCID 2 MID 3 to RID [0]", "*", "Message finished MID 3 done",
		"DCID 2 close",
	)
}

// What is known of a host is asked again for a message that comes long after the connection was made.
func TestOldConnectionTakesNoFurtherMessage(t *testing.T) {
	hold := make(chan struct{})
	p := newPeer(t, func(n int, l *line) {
		l.greet()
		<-hold
		l.accept()
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		c.Destinations["peer.example"] = &config.Destination{Concurrency: new(1)}
	})
	b.deliverer.life = 0
	b.send("b@peer.example")
	b.send("b@peer.example")
	close(hold)
	b.expect(
		"New SMTP DCID 1 *", "Delivery start DCID 1 MID 1 to RID [0]", "Message done DCID 1 MID 1 to RID [0]", "*", "Message finished MID 1 done",
		"DCID 1 close", "New SMTP DCID 2 *", "Delivery start DCID 2 MID 2 to RID [0]", "Message done DCID 2 MID 2 to RID [0]",
	)
}

func TestNewConfigurationEndsAKeptConnection(t *testing.T) {
	var b *bench
	p := newPeer(t, func(n int, l *line) {
		l.greet()
		l.accept()
		l.bye()
	})
	arrived, goOn := make(chan struct{}), make(chan struct{})
	slow := newPeer(t, func(n int, l *line) {
		l.greet()
		if n == 0 {
			close(arrived)
			<-goOn
		}
		l.accept()
		l.bye()
	})
	b = newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", slow)
		c.Destinations["peer.example"] = &config.Destination{Concurrency: new(1)}
	})
	b.send("b@peer.example")
	b.send("b@peer.example")
	<-arrived
	conf := b.world.Load().Config.Clone()
	route(conf, "peer.example", p)
	b.configure(conf)
	close(goOn)
	b.until("Message finished MID 1 done")
	b.until("New SMTP DCID 2")
	if line := b.seen[len(b.seen)-1]; !strings.HasSuffix(line, p.hop()[len("[127.0.0.1]:"):]) {
		t.Errorf("the second message goes the old way: %s", line)
	}
	b.until("Message finished MID 2 done")
}

func TestLossAtEachStage(t *testing.T) {
	tests := []struct {
		name     string
		possible bool
		play     func(l *line)
		want     []string // behind the connection's first line
	}{
		{"banner", false, func(l *line) {}, []string{
			"Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: EOF interface: 127.0.0.1 reason: network error",
			"DCID 1 cause N5 for peer.example", "DCID 1 close",
			"Delayed: DCID 1 MID 1 to RID 0 - 4.4.0 - Other network problem ('000', ['EOF']) []", "MID 1 to RID [0] pending till * [Default]",
		}},
		{"refusing banner", false, func(l *line) { l.say("554 5.7.1 go away\r\n"); l.bye() }, []string{
			"Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: 554-'5.7.1 go away' interface: 127.0.0.1 reason: unexpected SMTP response",
			"DCID 1 cause N6 for peer.example", "DCID 1 close",
			"Delayed: DCID 1 MID 1 to RID 0 - 4.3.0 - Other mail system problem ('554', ['5.7.1 go away']) []", "MID 1 to RID [0] pending till * [Default]",
		}},
		{"no banner", false, func(l *line) { l.r.ReadByte() }, []string{
			"Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: [Errno 60] Operation timed out interface: 127.0.0.1 reason: timeout",
			"DCID 1 cause N7 for peer.example", "DCID 1 close", "Delayed: *", "MID 1 to RID [0] pending till * [Default]",
		}},
		{"MAIL", false, func(l *line) { l.greet(); l.hear("MAIL", "") }, []string{
			"Delivery start DCID 1 MID 1 to RID [0]",
			"Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: EOF interface: 127.0.0.1 reason: network error",
			"Delayed: DCID 1 MID 1 to RID 0 - 4.4.0 - Other network problem ('000', ['EOF']) []", "MID 1 to RID [0] pending till * [Default]",
			"DCID 1 close",
		}},
		{"MAIL refused", false, func(l *line) { l.greet(); l.hear("MAIL", "451 4.3.0 later\r\n"); l.bye() }, []string{
			"Delivery start DCID 1 MID 1 to RID [0]",
			"Delayed: DCID 1 MID 1 to RID 0 - 4.3.0 - Other mail system problem ('451', ['4.3.0 later']) []", "MID 1 to RID [0] pending till * [Default]",
			"DCID 1 close",
		}},
		{"behind the final dot", false, func(l *line) {
			l.greet()
			l.hear("MAIL", "250 ok\r\n")
			l.hear("RCPT", "250 ok\r\n")
			l.hear("DATA", "354 go\r\n")
			l.take("")
		}, []string{
			"Delivery start DCID 1 MID 1 to RID [0]", "Connection Error: *", "Delayed: *", "MID 1 to RID [0] pending till * [Default]", "DCID 1 close",
		}},
		{"behind the final dot, possible delivery", true, func(l *line) {
			l.greet()
			l.hear("MAIL", "250 ok\r\n")
			l.hear("RCPT", "250 ok\r\n")
			l.hear("DATA", "354 go\r\n")
			l.take("")
		}, []string{
			"Delivery start DCID 1 MID 1 to RID [0]", "Connection Error: *", "Possible Delivery: DCID 1 MID 1 to [0]",
			"Message finished MID 1 done", "DCID 1 close",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(_ int, l *line) { test.play(l) })
			b := newBench(t, func(_ *bench, c *config.Config) {
				route(c, "peer.example", p)
				c.Delivery.PossibleDelivery = test.possible
			})
			b.send("b@peer.example")
			b.expect(append([]string{"New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port *"}, test.want...)...)
		})
	}
}

func TestTheNextHostIsTried(t *testing.T) {
	good := newPeer(t, func(_ int, l *line) { l.greet(); l.accept(); l.bye() })
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", closedPort(t), good) })
	b.send("b@peer.example")
	b.expect(
		"Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: [Errno 61] Connection refused interface: 127.0.0.1 reason: network error",
		"DCID 1 cause N3 for peer.example", "DCID 1 close",
		"New SMTP DCID 2 interface 127.0.0.1 address 127.0.0.1 port *", "Delivery start DCID 2 MID 1 to RID [0]", "Message done DCID 2 MID 1 to RID [0]",
		"MID 1 RID [0] Response '2.0.0 taken'", "Message finished MID 1 done", "DCID 2 close",
	)
}

func TestAHostThatIsDown(t *testing.T) {
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", closedPort(t)) })
	b.send("b@peer.example")
	b.until("pending till")
	if h, _ := b.queue.Host("peer.example"); h.State != queue.Down || h.LastCause != "N3" || h.LastError != "[Errno 61] Connection refused" || h.Active != 1 {
		t.Errorf("host %+v", h)
	}
}

func TestManyRecipientsAreSplitByThePeer(t *testing.T) {
	p := newPeer(t, func(n int, l *line) {
		l.greet()
		l.hear("MAIL", "250 ok\r\n")
		l.hear("RCPT", "250 ok\r\n")
		if n == 0 {
			l.hear("RCPT", "452 4.5.3 too many recipients\r\n")
		}
		l.hear("DATA", "354 go\r\n")
		l.take("250 ok\r\n")
		if n == 0 {
			l.hear("MAIL", "421 4.4.2 bye\r\n")
			return
		}
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		c.Destinations["peer.example"] = &config.Destination{Concurrency: new(1)}
	})
	b.send("b@peer.example", "c@peer.example")
	lines := strings.Join(b.until("Message finished MID 1 done"), "\n")
	if strings.Contains(lines, "Delayed") || strings.Contains(lines, "Bounced") {
		t.Errorf("log:\n%s", lines)
	}
}

func TestMessagesThatAHopCannotTake(t *testing.T) {
	p := newPeer(t, func(_ int, l *line) { l.greet("8BITMIME"); l.bye() })
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", p) })
	b.queue.Add(b.put(spool.Envelope{SMTPUTF8: true, Body8Bit: true}, letter, "ü@peer.example"))
	b.until("Double bounce: DCID 1 MID 1 to RID 0 - 5.3.0 - Other mail system problem ('000', ['the message has internationalized addresses or headers, and 127.0.0.1 does not offer SMTPUTF8']) []")
	plain := newPeer(t, func(_ int, l *line) { l.greet("PIPELINING"); l.bye() })
	conf := b.world.Load().Config.Clone()
	route(conf, "peer.example", plain)
	b.configure(conf)
	b.queue.Add(b.put(spool.Envelope{Body8Bit: true}, letter, "b@peer.example"))
	b.until("['the message has 8-bit content, and 127.0.0.1 does not offer 8BITMIME']")
}

func TestDestinationsWithoutAWay(t *testing.T) {
	b := newBench(t, func(b *bench, c *config.Config) {
		b.dns.MXs = map[string][]dns.MX{
			"null.example":  {{Host: dns.NullMX}},
			"dead.example":  {{Preference: 1, Host: "gone.example"}},
			"own.example":   {{Preference: 5, Host: "mail.example.com"}, {Preference: 10, Host: "far.example"}},
			"stuck.example": {{Preference: 5, Host: "slow.example"}, {Preference: 10, Host: "gone.example"}},
		}
		b.dns.Fail = map[string]dns.Kind{"bad.example": dns.Temporary, "slow.example": dns.Temporary}
	})
	for domain, want := range map[string]string{
		"null.example":   "Double bounce: DCID 0 * - 5.1.2 - Bad destination host ('000', ['null.example accepts no mail (null MX)']) []",
		"absent.example": "Double bounce: DCID 0 * - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up absent.example (MX): NXDomain']) []",
		"dead.example":   "Double bounce: DCID 0 * - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up gone.example (A): NXDomain']) []",
		"own.example":    "Double bounce: DCID 0 * - 5.4.6 - Routing loop detected ('000', ['mail for own.example loops back to this host']) []",
		"bad.example":    "Delayed: DCID 0 * - 4.1.2 - Bad destination host ('000', ['DNS Soft Error looking up bad.example (MX): *",
		"stuck.example":  "Delayed: DCID 0 * - 4.1.2 - Bad destination host ('000', ['DNS Soft Error looking up slow.example (A): *",
		"[not.an.ip]":    "Double bounce: DCID 0 * - 5.1.2 - Bad destination host *",
	} {
		b.queue.Add(b.put(spool.Envelope{}, letter, "b@"+domain))
		b.until("MID")
		line := b.seen[len(b.seen)-1]
		if !strings.Contains(line, "RID") { // the line of the cause comes first
			b.until("MID")
		}
		if line = b.seen[len(b.seen)-1]; !matches(line, want) {
			t.Errorf("%s:\n  %s\nwant:\n  %s", domain, line, want)
		}
		b.until("MID") // finished, or pending
	}
}

// TestManyMessagesToNowhereBounceAtOnce: a domain that certainly does not exist makes no message wait for a probe.
func TestManyMessagesToNowhereBounceAtOnce(t *testing.T) {
	b := newBench(t, nil)
	var list []spool.Message
	for range 5 {
		list = append(list, b.put(spool.Envelope{}, letter, "b@nowhere.example"))
	}
	for _, m := range list {
		b.queue.Add(m)
	}
	for range list {
		b.until("Double bounce: DCID 0 MID")
	}
	b.until("Message finished")
}

// TestAFullHostIsNotDown: of a host's two addresses one takes as much mail as it may, the other is out of order.
func TestAFullHostIsNotDown(t *testing.T) {
	hold := make(chan struct{})
	p := newPeer(t, func(_ int, l *line) {
		l.greet()
		<-hold
		l.accept()
		l.bye()
	})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	b := newBench(t, func(b *bench, c *config.Config) {
		b.port = int(p.addr.Port())
		b.dns.MXs = map[string][]dns.MX{"peer.example": {{Preference: 1, Host: "mx.example"}}}
		b.dns.Hosts = map[string][]netip.Addr{"mx.example": {p.addr.Addr(), netip.MustParseAddr("127.0.0.77")}}
		c.Destinations["peer.example"] = &config.Destination{Concurrency: new(1), LimitPer: "mx", Messages: new(1)}
	})
	b.send("b@peer.example")
	b.until("New SMTP DCID 1")
	b.send("b@peer.example")
	b.until("DCID 2 close") // the other host was tried
	if h, _ := b.queue.Host("peer.example"); h.State == queue.Down || h.SoftBounced > 0 {
		t.Errorf("host %+v", h)
	}
	release()
	lines := b.until("Message finished MID 2 done")
	if strings.Contains(strings.Join(lines, "\n"), "Delayed") {
		t.Errorf("log:\n%s", strings.Join(lines, "\n"))
	}
}

func TestALimitForEachAddress(t *testing.T) {
	d := New(Options{})
	one, two := netip.MustParseAddrPort("192.0.2.1:25"), netip.MustParseAddrPort("192.0.2.2:25")
	if !d.enter("a.example", one, 1) || d.enter("a.example", one, 1) || !d.enter("a.example", two, 1) || !d.enter("b.example", one, 1) {
		t.Error("the slots of an address are counted wrongly")
	}
	d.leave("a.example", one, 1)
	if !d.enter("a.example", one, 1) || !d.enter("a.example", one, 0) {
		t.Error("a slot that was given back cannot be taken")
	}
	for _, l := range []struct {
		domain string
		addr   netip.AddrPort
	}{{"a.example", one}, {"a.example", two}, {"b.example", one}} {
		d.leave(l.domain, l.addr, 1)
	}
	if len(d.slots) != 0 {
		t.Errorf("slots left: %v", d.slots)
	}
}
