package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/mtasts"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// forLong is longer than a test takes.
const forLong = time.Minute

// keeping is a bench whose domains all lead to one mail exchanger, and which keeps connections for so long.
func keeping(t *testing.T, m *mailbox, idle time.Duration, change func(b *bench, c *config.Config), domains ...string) *bench {
	return newBench(t, func(b *bench, c *config.Config) {
		b.idle, b.port = idle, int(m.peer.addr.Port())
		b.dns.Hosts = map[string][]netip.Addr{"mx.peer.example": {m.peer.addr.Addr()}}
		b.dns.MXs, b.dns.TLSAs = map[string][]dns.MX{}, map[string][]dns.TLSA{}
		for _, domain := range domains {
			b.dns.MXs[domain] = []dns.MX{{Preference: 10, Host: "mx.peer.example"}}
		}
		if change != nil {
			change(b, c)
		}
	})
}

func TestAKeptConnectionIsUsedAgain(t *testing.T) {
	m := newMailbox(t, nil)
	b := keeping(t, m, forLong, nil, "peer.example", "other.example")
	for _, to := range []string{"b@peer.example", "b@peer.example", "b@other.example"} {
		b.send(to)
		b.until("Message finished")
		b.rest()
		for _, domain := range []string{"peer.example", "other.example"} {
			if h, _ := b.queue.Host(domain); h.Connections != 0 {
				t.Errorf("%s has %d connections while none of its mail is under way", domain, h.Connections)
			}
		}
	}
	b.deliverer.CloseKept(func(domain string) bool { return domain == "peer.example" })
	if n := len(b.deliverer.keeper.list); n != 1 {
		t.Errorf("%d connections are kept; another destination had it last", n)
	}
	b.deliverer.CloseKept(func(domain string) bool { return domain == "other.example" })
	b.expect(
		"New SMTP DCID 1 *", "Delivery start DCID 1 MID 1 *", "Message done DCID 1 MID 1 *", "*", "Message finished MID 1 done",
		"Delivery start DCID 1 MID 2 *", "Message done DCID 1 MID 2 *", "*", "Message finished MID 2 done",
		"Delivery start DCID 1 MID 3 *", "Message done DCID 1 MID 3 *", "*", "Message finished MID 3 done", "DCID 1 close",
	)
	if h, _ := b.queue.Host("other.example"); h.State != queue.Up || h.Delivered != 1 {
		t.Errorf("the other destination: %+v", h.HostSummary)
	}
}

func TestAKeptConnectionEnds(t *testing.T) {
	m := newMailbox(t, nil)
	b := keeping(t, m, time.Millisecond, nil, "peer.example")
	b.send("b@peer.example")
	b.until("DCID 1 close")
}

// TestAKeptConnectionThatThePeerCloses costs nothing: no attempt, and no rest.
func TestAKeptConnectionThatThePeerCloses(t *testing.T) {
	for name, farewell := range map[string]string{"without a word": "", "with 421": "421 4.4.2 idle too long\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed, leave := make(chan struct{}), make(chan struct{})
			p := newPeer(t, func(n int, l *line) {
				l.greet()
				l.accept()
				if n == 0 {
					<-leave
					l.say(farewell)
					l.conn.Close()
					close(closed)
				}
			})
			b := newBench(t, func(b *bench, c *config.Config) { b.idle = forLong; route(c, "peer.example", p) })
			b.send("b@peer.example")
			b.until("Message finished MID 1")
			b.rest()
			close(leave)
			<-closed
			b.send("b@peer.example")
			b.until("Message finished MID 2")
			if h, _ := b.queue.Host("peer.example"); h.SoftBounced != 0 || h.Delivered != 2 {
				t.Errorf("%+v", h.HostSummary)
			}
		})
	}
}

// TestAKeptConnectionThatThePeerLeavesAtMail ends where nobody could have seen it before.
func TestAKeptConnectionThatThePeerLeavesAtMail(t *testing.T) {
	p := newPeer(t, func(n int, l *line) {
		l.greet()
		l.accept()
		if n == 0 {
			l.hear("MAIL", "421 4.7.0 enough\r\n")
		}
	})
	b := newBench(t, func(b *bench, c *config.Config) { b.idle = forLong; route(c, "peer.example", p) })
	b.send("b@peer.example")
	b.until("Message finished MID 1")
	b.rest()
	b.seen = nil
	b.send("b@peer.example")
	b.expect("Delivery start DCID 1 MID 2 *", "DCID 1 close", "New SMTP DCID 2 *", "Delivery start DCID 2 MID 2 *",
		"Message done DCID 2 MID 2 *", "*", "Message finished MID 2 done")
}

func TestAKeptConnectionHasItsLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		dest   config.Destination // of both
		change func(b *bench)     // before the second message
		want   []string
	}{
		{"none", config.Destination{}, func(*bench) {}, []string{"0", "0", "0"}},
		{"messages", config.Destination{Messages: new(2)}, func(*bench) {}, []string{"0", "0", "1"}},
		{"age", config.Destination{}, func(b *bench) { b.deliverer.life = 0 }, []string{"0", "1", "2"}},
		{"a commit", config.Destination{}, func(b *bench) { b.configure(b.world.Load().Config.Clone()) }, []string{"0", "1", "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, nil)
			b := keeping(t, m, forLong, func(_ *bench, c *config.Config) {
				c.Destinations["peer.example"], c.Destinations["other.example"] = &test.dest, &test.dest
			}, "peer.example", "other.example")
			for i, to := range []string{"b@peer.example", "b@other.example", "b@peer.example"} {
				if i == 1 {
					test.change(b)
				}
				b.send(to)
				b.outcome()
				b.rest()
			}
			var got []string
			for _, mail := range m.got() {
				got = append(got, mail[:1])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the messages went over the connections %v, want %v", got, test.want)
			}
		})
	}
}

// TestLimitOfConnectionsHoldsWithKeptOnes has a destination that may have one connection, which its second message may not use.
func TestLimitOfConnectionsHoldsWithKeptOnes(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "mx.peer.example")
	m := newMailbox(t, &cert)
	b := keeping(t, m, forLong, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		c.Destinations["peer.example"] = &config.Destination{TLS: config.TLSRequire, Concurrency: new(1)}
	}, "peer.example")
	b.send("b@peer.example")
	b.outcome()
	b.rest()
	b.queue.Add(b.put(spool.Envelope{Sender: "a@x.example", TLSOptional: true}, letter, "b@peer.example"))
	b.outcome()
	b.rest()
	if lines := strings.Join(b.until("Message finished MID 2"), "\n"); strings.Contains(lines, "DCID 2") && !strings.Contains(lines, "DCID 1 close") {
		t.Errorf("two connections at once:\n%s", lines)
	}
}

// revoked is a list that has every certificate on it once it says so.
type revoked struct{ all atomic.Bool }

func (r *revoked) Revoked([]*x509.Certificate) (cause.ID, string) {
	if r.all.Load() {
		return cause.V7, "revoked"
	}
	return "", ""
}

// TestAKeptConnectionIsLookedAtAgain has a certificate revoked while a connection is kept, without a commit.
func TestAKeptConnectionIsLookedAtAgain(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "mx.peer.example", "peer.example")
	m := newMailbox(t, &cert)
	list := &revoked{}
	b := keeping(t, m, forLong, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		b.crl, c.Revocation.Outbound = list, true
		level(c, "peer.example", config.TLSRequireVerify)
	}, "peer.example")
	for i, want := range []SentOutcome{SentDelivered, SentDelivered, SentDelayed} {
		list.all.Store(i == 2)
		b.send("b@peer.example")
		if s := b.outcome(); s.Outcome != want {
			t.Errorf("message %d: told %+v", i+1, s)
		}
		b.rest()
	}
	if got := m.got(); len(got) != 2 || got[1][:1] != "0" {
		t.Errorf("the peer got %q", got)
	}
}

// TestNobodyTakesOverWhatHeMayNot has a connection that was made for peer.example, and mail for other.example that leads to
// the same address. It goes over it only where the chain that was shown satisfies the other domain's own rules.
func TestNobodyTakesOverWhatHeMayNot(t *testing.T) {
	ca := newAuthority(t)
	mine := ca.issue(t, false, "mx.peer.example", "peer.example")
	both := ca.issue(t, false, "mx.peer.example", "peer.example", "other.example")
	selfSigned := (&authority{}).issue(t, false, "mx.peer.example")
	stranger := (&authority{}).issue(t, false, "stranger.example")
	const taken, apart = "0", "1"
	enforce := enforced
	elsewhere := enforce
	elsewhere.MX = []string{"mx.elsewhere.example"}
	prefer, require, verify := config.TLSPrefer, config.TLSRequire, config.TLSRequireVerify
	for _, test := range []struct {
		name          string
		cert          *tls.Certificate // nil: none
		first, second config.Destination
		tlsa          *x509.Certificate // of the mail exchanger
		sts           mtasts.Policy     // of other.example
		env           spool.Envelope    // of the second message
		under         string            // offered under TLS
		want          string            // the connection; empty: not delivered
		protection    queue.Protection
	}{
		{name: "no TLS wanted", want: taken},
		{name: "no TLS wanted, and the connection has it", cert: &mine, first: config.Destination{TLS: require}, want: apart},
		{name: "TLS wanted, and the connection has none", cert: &mine, second: config.Destination{TLS: prefer}, want: apart, protection: queue.Encrypted},
		{name: "TLS required, and the connection has none", cert: &mine, second: config.Destination{TLS: require}, want: apart, protection: queue.Encrypted},
		{name: "preferred, and the peer has none", first: config.Destination{TLS: prefer}, second: config.Destination{TLS: prefer}, want: taken},
		{name: "encrypted is enough", cert: &selfSigned, first: config.Destination{TLS: prefer}, second: config.Destination{TLS: require},
			want: taken, protection: queue.Encrypted},
		{name: "verified, by the first domain's name only", cert: &mine, first: config.Destination{TLS: verify}, second: config.Destination{TLS: verify}},
		{name: "verified by its own name", cert: &both, first: config.Destination{TLS: verify}, second: config.Destination{TLS: verify},
			want: taken, protection: queue.Verified},
		{name: "verified by the host's", cert: &mine, first: config.Destination{TLS: verify},
			second: config.Destination{TLS: config.TLSRequireVerifyHosted}, want: taken, protection: queue.Verified},
		{name: "not verified before", cert: &both, first: config.Destination{TLS: require}, second: config.Destination{TLS: verify},
			want: taken, protection: queue.Verified},
		{name: "not verifiable", cert: &selfSigned, first: config.Destination{TLS: require}, second: config.Destination{TLS: verify}},
		{name: "verification preferred and not had", cert: &selfSigned, first: config.Destination{TLS: require},
			second: config.Destination{TLS: config.TLSPreferVerify}, want: apart, protection: queue.Encrypted},
		{name: "other credentials", cert: &mine, first: config.Destination{TLS: require}, second: config.Destination{TLS: require, Certificate: "Other"},
			want: apart, protection: queue.Encrypted},
		{name: "DANE that the chain matches", cert: &selfSigned, tlsa: selfSigned.Leaf, first: config.Destination{TLS: prefer},
			second: config.Destination{TLS: prefer, DANE: daneOn}, want: taken, protection: queue.Verified},
		{name: "DANE that the chain does not match", cert: &selfSigned, tlsa: stranger.Leaf, first: config.Destination{TLS: prefer},
			second: config.Destination{TLS: prefer, DANE: daneOn}},
		{name: "MTA-STS that names the host", cert: &mine, sts: enforce, first: config.Destination{TLS: prefer},
			second: config.Destination{TLS: prefer, MTASTS: "on"}, want: taken, protection: queue.Verified},
		{name: "MTA-STS that does not", cert: &mine, sts: elsewhere, first: config.Destination{TLS: prefer},
			second: config.Destination{TLS: prefer, MTASTS: "on"}},
		{name: "MTA-STS, and a chain that does not verify", cert: &selfSigned, sts: enforce, first: config.Destination{TLS: prefer},
			second: config.Destination{TLS: prefer, MTASTS: "on"}},
		{name: "REQUIRETLS that is not offered", cert: &both, first: config.Destination{TLS: require}, second: config.Destination{TLS: require},
			env: spool.Envelope{RequireTLS: true}, tlsa: both.Leaf},
		{name: "REQUIRETLS that is", cert: &both, first: config.Destination{TLS: require}, second: config.Destination{TLS: require},
			env: spool.Envelope{RequireTLS: true}, tlsa: both.Leaf, under: "REQUIRETLS", want: taken, protection: queue.Verified},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, test.cert, slices.DeleteFunc([]string{test.under}, func(s string) bool { return s == "" })...)
			b := keeping(t, m, forLong, func(b *bench, c *config.Config) {
				b.trust(c, ca)
				b.sts = test.sts
				c.Destinations["peer.example"], c.Destinations["other.example"] = &test.first, &test.second
				c.Bounces[config.DefaultBounceProfile].HardBounce = false
				if record := tlsaName(m.peer, "mx.peer.example"); test.tlsa != nil {
					b.dns.Secure = map[string]bool{"peer.example": true, "other.example": true, "mx.peer.example": true, record: true}
					b.dns.TLSAs[record] = tlsaFor(test.tlsa)
				}
			}, "peer.example", "other.example")
			b.send("b@peer.example")
			if s := b.outcome(); s.Outcome != SentDelivered {
				t.Fatalf("the first message: %+v", s)
			}
			b.rest()
			test.env.Sender = "a@x.example"
			b.queue.Add(b.put(test.env, letter, "b@other.example"))
			s := b.outcome()
			mail := m.got()
			if test.want == "" {
				if s.Outcome == SentDelivered || len(mail) != 1 {
					t.Errorf("it was delivered: %+v, the peer got %q", s, mail)
				}
				return
			}
			if s.Outcome != SentDelivered || len(mail) != 2 || mail[1][:1] != test.want || s.Protection != test.protection {
				t.Fatalf("told %+v, the peer got %q", s, mail)
			}
			if r := s.Record; r.Facts.Domain != "other.example" || r.Action.Do == tlspolicy.NextHost || (r.DCID == 1) != (test.want == taken) {
				t.Errorf("record %+v", r)
			}
		})
	}
}
