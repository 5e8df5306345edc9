package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/mtasts"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// mailbox is a peer that takes whatever comes, over any number of connections, and notes how it came.
type mailbox struct {
	*peer
	mu   sync.Mutex
	mail []string // "DCID-less number of the connection, tls or clear, the MAIL line"
}

// newMailbox starts one: with a certificate unless cert is nil, which then offers no STARTTLS; under holds the extensions
// that it offers under TLS.
func newMailbox(t *testing.T, cert *tls.Certificate, under ...string) *mailbox {
	m := &mailbox{}
	m.peer = newPeer(t, func(n int, l *line) {
		how := "clear"
		if cert == nil {
			l.greet("REQUIRETLS") // in clear it means nothing
		} else {
			l.greet("STARTTLS")
		}
		for {
			got, err := l.r.ReadString('\n')
			verb, _, _ := strings.Cut(strings.TrimSpace(got), " ")
			switch {
			case err != nil:
				return
			case verb == "STARTTLS":
				l.say("220 go\r\n")
				if l.secure(&tls.Config{Certificates: []tls.Certificate{*cert}}) != nil {
					return
				}
				how = "tls"
				l.hear("EHLO", offerOf(under...))
			case verb == "MAIL":
				l.say("250 ok\r\n")
				for next := ""; !strings.HasPrefix(next, "DATA"); {
					if next, err = l.r.ReadString('\n'); err != nil {
						return
					}
					l.say(map[string]string{"RCPT": "250 ok\r\n", "DATA": "354 go\r\n"}[next[:4]])
				}
				body := l.take("") // answered when it is noted
				m.mu.Lock()
				m.mail = append(m.mail, fmt.Sprintf("%d %s %s", n, how, strings.TrimSpace(got)))
				if strings.Contains(body, "X-Secret") {
					m.mail[len(m.mail)-1] += " with the secret"
				}
				m.mu.Unlock()
				l.say("250 taken\r\n")
			default:
				l.say("221 bye\r\n")
				return
			}
		}
	})
	return m
}

func (m *mailbox) got() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mail)
}

// toMX leads peer.example to a peer by an MX, everything proven by DNSSEC or nothing.
func toMX(b *bench, p *peer, host string, proven bool) {
	b.port = int(p.addr.Port())
	b.dns.MXs = map[string][]dns.MX{"peer.example": {{Preference: 10, Host: host}}}
	b.dns.Hosts = map[string][]netip.Addr{host: {p.addr.Addr()}}
	b.dns.TLSAs = map[string][]dns.TLSA{}
	if proven {
		b.dns.Secure = map[string]bool{"peer.example": true, host: true, tlsaName(p, host): true}
	}
}

func tlsaName(p *peer, host string) string { return fmt.Sprintf("_%d._tcp.%s", p.addr.Port(), host) }

// tlsaFor is the record 3 1 1 of a certificate.
func tlsaFor(cert *x509.Certificate) []dns.TLSA {
	return []dns.TLSA{dns.TLSA(tlspolicy.TLSAOf(cert, 3, 1, 1))}
}

// situation is one row of the matrix of policies.
type situation struct {
	name     string
	level    config.TLSLevel
	dane     string
	host     string // the MX; empty: mx.peer.example
	names    string // in the certificate; empty: mx.peer.example
	noTLS    bool   // STARTTLS is not offered
	unsigned bool   // DNSSEC proves nothing
	tlsa     string // "match", "other", "unusable", "fails"; empty: none
	sts      mtasts.Policy
	env      spool.Envelope
	under    string // what the peer offers under TLS

	outcome    SentOutcome
	protection queue.Protection
	cause      cause.ID // of what is not delivered
	log        []string // what mail_logs has, in this order
	action     tlspolicy.Action
	untouched  bool // no connection is made
}

const daneOn, daneMust = "opportunistic", "mandatory"

var enforced = mtasts.Policy{Domain: "peer.example", Mode: mtasts.Enforce, MX: []string{"mx.peer.example"}, ID: "1"}

// required is the action after a host that is not good enough.
func required(id, first cause.ID) tlspolicy.Action {
	return tlspolicy.Action{Do: tlspolicy.NextHost, Cause: id, First: first}
}

func inClearBecause(id cause.ID) tlspolicy.Action {
	return tlspolicy.Action{Do: tlspolicy.ProceedClear, Cause: cause.P1, First: id}
}

func situations() []situation {
	optional, report, require := spool.Envelope{TLSOptional: true}, spool.Envelope{TLSReport: true}, spool.Envelope{RequireTLS: true}
	provider := "mx.provider.example"
	testing := enforced
	testing.Mode = mtasts.Testing
	elsewhere := enforced
	elsewhere.MX = []string{"*.other.example"}
	mismatch := []string{"TLS failed: verify error: ", "[D1]", "TLS was required but could not be successfully negotiated [P3]"}
	return []situation{
		{name: "hosted domain, verify", level: config.TLSRequireVerify, host: provider, names: provider,
			outcome: SentDelayed, cause: cause.V5, action: required(cause.P3, cause.V5)},
		{name: "hosted domain, verify hosted", level: config.TLSRequireVerifyHosted, host: provider, names: provider,
			outcome: SentDelivered, protection: queue.Verified},
		{name: "hosted domain, prefer verify", level: config.TLSPreferVerify, host: provider, names: provider,
			outcome: SentDelivered, protection: queue.Encrypted, action: tlspolicy.Action{Cause: cause.P2, First: cause.V5},
			log: []string{"cause V5 for peer.example", "peer not verified for peer.example [P2]"}},

		{name: "DANE matches", level: config.TLSPrefer, dane: daneOn, tlsa: "match", names: "nobody.example",
			outcome: SentDelivered, protection: queue.Verified},
		{name: "DANE counts for verify", level: config.TLSRequireVerify, dane: daneOn, tlsa: "match", names: "nobody.example",
			outcome: SentDelivered, protection: queue.Verified},
		{name: "DANE does not match", level: config.TLSPrefer, dane: daneOn, tlsa: "other",
			outcome: SentDelayed, cause: cause.D1, action: required(cause.P3, cause.D1), log: mismatch},
		{name: "DANE and no STARTTLS", level: config.TLSPrefer, dane: daneOn, tlsa: "other", noTLS: true,
			outcome: SentDelayed, cause: cause.S2, action: required(cause.P3, cause.S2)},
		{name: "DANE unusable", level: config.TLSPrefer, dane: daneOn, tlsa: "unusable", outcome: SentDelivered, protection: queue.Encrypted},
		{name: "DANE lookup fails", level: config.TLSPrefer, dane: daneOn, tlsa: "fails", sts: enforced, untouched: true,
			outcome: SentDelayed, cause: cause.D3, action: required(cause.D3, cause.D3), log: []string{"DCID 0 cause D3 for peer.example"}},
		{name: "DANE not asked where nothing is proven", level: config.TLSPrefer, dane: daneOn, tlsa: "other", unsigned: true,
			outcome: SentDelivered, protection: queue.Encrypted},
		{name: "DANE mandatory, not proven", level: config.TLSPrefer, dane: daneMust, tlsa: "match", unsigned: true, untouched: true,
			outcome: SentDelayed, cause: cause.D2, action: required(cause.D2, cause.D2), log: []string{"DCID 0 cause D2 for peer.example"}},
		{name: "DANE mandatory, absent", level: config.TLSPrefer, dane: daneMust, untouched: true,
			outcome: SentDelayed, cause: cause.D4, action: required(cause.D4, cause.D4), log: []string{"DCID 0 cause D4 for peer.example"}},
		{name: "an explicit No switches DANE off", level: config.TLSNo, dane: daneOn, tlsa: "other", outcome: SentDelivered},
		{name: "an explicit No switches MTA-STS off", level: config.TLSNo, sts: elsewhere, outcome: SentDelivered},

		{name: "MTA-STS verifies the host", level: config.TLSPrefer, sts: enforced, outcome: SentDelivered, protection: queue.Verified},
		{name: "MTA-STS and another name", level: config.TLSPrefer, sts: enforced, names: "nobody.example",
			outcome: SentDelayed, cause: cause.M3, action: required(cause.M3, cause.V5),
			log: []string{"[V5]", "TLS was required but could not be successfully negotiated [P3]", "cause M3 for peer.example"}},
		{name: "MTA-STS and no STARTTLS", level: config.TLSPrefer, sts: enforced, noTLS: true,
			outcome: SentDelayed, cause: cause.M3, action: required(cause.M3, cause.S2),
			log: []string{"TLS failed: STARTTLS unexpected response [S2]", "cause M3 for peer.example"}},
		{name: "MTA-STS names others", level: config.TLSPrefer, sts: elsewhere, untouched: true,
			outcome: SentDelayed, cause: cause.M1, action: required(cause.M1, cause.M1), log: []string{"DCID 0 cause M1 for peer.example"}},
		{name: "MTA-STS testing blocks nothing", level: config.TLSPrefer, sts: testing, names: "nobody.example",
			outcome: SentDelivered, protection: queue.Encrypted},
		{name: "DANE stands before MTA-STS", level: config.TLSPrefer, dane: daneOn, tlsa: "match", sts: elsewhere,
			outcome: SentDelivered, protection: queue.Verified},

		{name: "TLS-Required: No relaxes DANE", level: config.TLSPrefer, dane: daneOn, tlsa: "other", env: optional,
			outcome: SentDelivered, protection: queue.Encrypted},
		{name: "TLS-Required: No relaxes a failed lookup", level: config.TLSPrefer, dane: daneOn, tlsa: "fails", env: optional,
			outcome: SentDelivered, protection: queue.Encrypted},
		{name: "TLS-Required: No relaxes MTA-STS", level: config.TLSPrefer, sts: elsewhere, noTLS: true, env: optional,
			outcome: SentDelivered, action: inClearBecause(cause.S2)},
		{name: "a TLS report is sent whatever TLS says", level: config.TLSPrefer, sts: enforced, noTLS: true, env: report,
			outcome: SentDelivered, action: inClearBecause(cause.S2)},
		{name: "TLS-Required: No never relaxes a destination control", level: config.TLSRequire, noTLS: true, env: optional,
			outcome: SentDelayed, cause: cause.S2, action: required(cause.P3, cause.S2)},

		{name: "REQUIRETLS with a proven MX", level: config.TLSPrefer, env: require, under: "REQUIRETLS",
			outcome: SentDelivered, protection: queue.Verified},
		{name: "REQUIRETLS by MTA-STS", level: config.TLSPrefer, env: require, under: "REQUIRETLS", unsigned: true, sts: enforced,
			outcome: SentDelivered, protection: queue.Verified},
		{name: "REQUIRETLS over an explicit No", level: config.TLSNo, env: require, under: "REQUIRETLS",
			outcome: SentDelivered, protection: queue.Verified},
		{name: "REQUIRETLS not offered", level: config.TLSPrefer, env: require,
			outcome: SentBounced, cause: cause.R1, action: required(cause.R1, cause.R1),
			log: []string{"TLS success", "cause R1 for peer.example", "Bounced: ", "does not offer REQUIRETLS"}},
		{name: "REQUIRETLS offered in clear only", level: config.TLSPrefer, env: require, noTLS: true,
			outcome: SentBounced, cause: cause.R1, action: required(cause.R1, cause.S2),
			log: []string{"[S2]", "cause R1 for peer.example", "Bounced: "}},
		{name: "REQUIRETLS and an MX that nothing proves", level: config.TLSPrefer, env: require, under: "REQUIRETLS", unsigned: true, untouched: true,
			outcome: SentBounced, cause: cause.R1, action: required(cause.R1, cause.R1), log: []string{"DCID 0 cause R1 for peer.example"}},
		{name: "REQUIRETLS and a lookup that failed", level: config.TLSPrefer, dane: daneOn, tlsa: "fails", env: require, under: "REQUIRETLS", untouched: true,
			outcome: SentDelayed, cause: cause.D3, action: required(cause.D3, cause.D3)},
		{name: "REQUIRETLS ignores TLS-Required: No", level: config.TLSPrefer, env: spool.Envelope{RequireTLS: true, TLSOptional: true}, noTLS: true,
			outcome: SentBounced, cause: cause.R1, action: required(cause.R1, cause.S2)},
	}
}

// TestPolicies goes through what rules, hosts and messages may ask, and looks at every place where the outcome is told:
// mail_logs, the record, what is told of the message, and the destination's state.
func TestPolicies(t *testing.T) {
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

func (s *situation) play(t *testing.T) {
	ca := newAuthority(t)
	host, names := or(s.host, "mx.peer.example"), or(s.names, "mx.peer.example")
	cert := ca.issue(t, false, names)
	offered := &cert
	if s.noTLS {
		offered = nil
	}
	m := newMailbox(t, offered, strings.Fields(s.under)...)
	b := newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		b.sts = s.sts
		toMX(b, m.peer, host, !s.unsigned)
		s.publish(t, b, tlsaName(m.peer, host), cert)
		c.Destinations["peer.example"] = &config.Destination{TLS: s.level, DANE: s.dane, MTASTS: "on"}
		c.Bounces[config.DefaultBounceProfile].HardBounce = false
	})
	env := s.env
	env.Sender = "a@x.example"
	b.queue.Add(b.put(env, letter, "b@peer.example"))
	last := map[SentOutcome]string{SentDelivered: finished, SentBounced: finished, SentDelayed: "pending till"}[s.outcome]
	lines := strings.Join(b.until(last), "\n")
	if n := strings.Count(lines, "DCID 0 cause"); n > 1 {
		t.Errorf("the cause is told %d times\n%s", n, lines)
	}
	rest := lines
	for _, want := range s.log {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing, or not in its place, in\n%s", want, lines)
		}
		rest = after
	}
	s.check(t, b, m, lines)
}

// publish fills the DNS with the TLSA records of the situation.
func (s *situation) publish(t *testing.T, b *bench, name string, cert tls.Certificate) {
	switch s.tlsa {
	case "match":
		b.dns.TLSAs[name] = tlsaFor(cert.Leaf)
	case "other":
		other := (&authority{}).issue(t, false, "other.example")
		b.dns.TLSAs[name] = tlsaFor(other.Leaf)
	case "unusable":
		b.dns.TLSAs[name] = []dns.TLSA{{Usage: 1, Selector: 1, Matching: 1, Data: make([]byte, 32)}}
	case "fails":
		b.dns.Fail = map[string]dns.Kind{name: dns.Temporary}
	}
}

func (s *situation) check(t *testing.T, b *bench, m *mailbox, lines string) {
	got := b.outcome()
	if got.Outcome != s.outcome || got.Protection != s.protection || got.Cause != s.cause || len(got.RIDs) != 1 {
		t.Errorf("told %+v, want %s, protection %d, cause %q\n%s", got, s.outcome, s.protection, s.cause, lines)
	}
	records := b.observed()
	r := records[len(records)-1]
	if len(records) != 1 || r.Action != s.action && !(s.action.Do == tlspolicy.Proceed && s.action.Cause == "" && r.Action.Cause == "" && s.outcome == SentDelivered) {
		t.Errorf("%d records, the last with action %+v, want %+v\n%s", len(records), r.Action, s.action, lines)
	}
	if got.Record != r {
		t.Error("what is told of the message names another record")
	}
	if connected := strings.Contains(lines, "New SMTP DCID"); connected == s.untouched || r.Remote.IsValid() == s.untouched {
		t.Errorf("connected: %v, to %v\n%s", connected, r.Remote, lines)
	}
	mail := m.got()
	if (len(mail) == 1) != (s.outcome == SentDelivered) {
		t.Errorf("the peer got %q", mail)
	}
	if len(mail) == 1 {
		if got, want := strings.HasSuffix(mail[0], " REQUIRETLS"), s.env.RequireTLS; got != want {
			t.Errorf("the peer heard %q", mail[0])
		}
		if strings.Contains(mail[0], "clear") != (s.protection == queue.Clear) {
			t.Errorf("%q, told as %d", mail[0], s.protection)
		}
	}
	if h, _ := b.queue.Host("peer.example"); h.LastCause != string(s.cause) && s.outcome != SentDelivered {
		t.Errorf("the destination's last cause is %q", h.LastCause)
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
