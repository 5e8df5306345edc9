package outbound

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// TestASmallerHelloIsTriedOnce has a peer that hangs up at the large ClientHello (H12): the first record is not the end of
// it and raises no alarm, and the mail goes over the second connection.
func TestASmallerHelloIsTriedOnce(t *testing.T) {
	cert := (&authority{}).issue(t, false, "mx.peer.example")
	p := newPeer(t, func(n int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		if n == 0 {
			l.r.Peek(1)
			l.r.Discard(l.r.Buffered())
			return
		}
		if l.secure(&tls.Config{Certificates: []tls.Certificate{cert}}) != nil {
			return
		}
		l.hear("EHLO", offerOf())
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		toMX(b, p, "mx.peer.example", false)
		level(c, "peer.example", config.TLSRequire)
	})
	b.send("b@peer.example")
	if s := b.outcome(); s.Outcome != SentDelivered || s.Protection != queue.Encrypted {
		t.Fatalf("told %+v", s)
	}
	r := b.observed()
	if len(r) != 2 || !r[0].Outcome.TrySmaller || r[0].Action.Cause != "" || r[1].Action.Cause != "" || r[1].Action.Do != tlspolicy.Proceed {
		t.Fatalf("records %+v", r)
	}
	if !slices.ContainsFunc(r[1].Outcome.Findings, func(f tlspolicy.Finding) bool { return f.Cause == cause.H12 }) {
		t.Errorf("H12 is not named: %+v", r[1].Outcome.Findings)
	}
	b.until("DCID 2 cause H12 for peer.example")
}

// TestWhatNobodyInsistsOnGoesInClear has a handshake broken for a report that is to be sent whatever TLS says (RFC 8460
// §3), to a domain for which only its TLSA records ask for TLS.
func TestWhatNobodyInsistsOnGoesInClear(t *testing.T) {
	p := newPeer(t, func(n int, l *line) {
		l.greet("STARTTLS")
		if n == 0 {
			l.hear("STARTTLS", "220 go\r\n")
			l.r.Peek(1)
			l.conn.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			return
		}
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		toMX(b, p, "mx.peer.example", true)
		b.dns.TLSAs[tlsaName(p, "mx.peer.example")] = tlsaFor((&authority{}).issue(t, false, "x.example").Leaf)
		c.Destinations[config.DefaultDestination].DANE = daneOn
	})
	b.queue.Add(b.put(spool.Envelope{Sender: "a@x.example", TLSReport: true}, letter, "b@peer.example"))
	if s := b.outcome(); s.Outcome != SentDelivered || s.Protection != queue.Clear {
		t.Fatalf("told %+v", s)
	}
	var done []string
	for _, r := range b.observed() {
		done = append(done, r.Action.Do.String()+" "+string(r.Action.Cause)+" "+string(r.Action.First))
	}
	if want := []string{"reconnect in clear P1 H1", "deliver in clear P1 H1"}; !slices.Equal(done, want) {
		t.Errorf("%q, want %q", done, want)
	}
	contains := strings.Join(b.until(finished), "\n")
	if !strings.Contains(contains, "DCID 2 delivery in clear for peer.example [P1]") {
		t.Errorf("log:\n%s", contains)
	}
}

// TestRoutesAndPolicies has an SMTP route name a host: its TLSA records count, and the domain's MTA-STS policy does not:
// it speaks of the mail exchangers that the DNS names.
func TestRoutesAndPolicies(t *testing.T) {
	cert := (&authority{}).issue(t, false, "hub.example")
	for _, named := range []bool{true, false} {
		m := newMailbox(t, &cert)
		b := newBench(t, func(b *bench, c *config.Config) {
			toMX(b, m.peer, "hub.example", true)
			b.sts = enforced
			b.dns.TLSAs[tlsaName(m.peer, "hub.example")] = tlsaFor(cert.Leaf)
			hop := m.hop()
			if named {
				_, port, _ := strings.Cut(hop, "]:")
				hop = "hub.example:" + port
			}
			c.Routes["peer.example"] = &config.Route{Hops: []string{hop}}
			c.Destinations["peer.example"] = &config.Destination{TLS: config.TLSPrefer, DANE: daneOn, MTASTS: "on"}
		})
		b.send("b@peer.example")
		want := map[bool]queue.Protection{true: queue.Verified, false: queue.Encrypted}[named]
		if s := b.outcome(); s.Outcome != SentDelivered || s.Protection != want || s.Record.Facts.STS.Mode != "" || !s.Record.Facts.Routed {
			t.Errorf("a route that names its host %v: %+v", named, s)
		}
	}
}

// TestAnAliasIsAskedForAtItsEnd has a mail exchanger that is an alias: its records lie at the name where the alias ends,
// which is also the name for SNI (RFC 7672 §2.2.2, §8.1).
func TestAnAliasIsAskedForAtItsEnd(t *testing.T) {
	cert := (&authority{}).issue(t, false, "end.example")
	asked := make(chan string, 1)
	p := newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		conf := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked <- h.ServerName
			return &cert, nil
		}}
		if l.secure(conf) != nil {
			return
		}
		l.hear("EHLO", offerOf())
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		toMX(b, p, "end.example", true)
		b.dns.MXs["peer.example"] = []dns.MX{{Host: "mx.peer.example"}}
		b.dns.Aliases = map[string]string{"mx.peer.example": "end.example"}
		b.dns.Secure["mx.peer.example"] = true
		b.dns.TLSAs[tlsaName(p, "end.example")] = tlsaFor(cert.Leaf)
		c.Destinations["peer.example"] = &config.Destination{TLS: config.TLSPrefer, DANE: daneOn}
	})
	b.send("b@peer.example")
	if s := b.outcome(); s.Outcome != SentDelivered || s.Protection != queue.Verified {
		t.Errorf("told %+v", s)
	}
	if name := <-asked; name != "end.example" {
		t.Errorf("SNI %q", name)
	}
}
