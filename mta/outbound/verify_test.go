package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/tlspolicy"
)

// stepsOf are a record's steps, with the cause of those that are not OK.
func stepsOf(r *tlspolicy.Record) string {
	var list []string
	for _, s := range r.Steps {
		text := string(s.Name)
		if !s.OK {
			text += " " + string(s.Cause)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestVerify(t *testing.T) {
	ca := newAuthority(t)
	const before = "MX lookup, address lookup, connect, banner, EHLO, STARTTLS, "
	good, self := ca.issue(t, false, "mx.peer.example"), (&authority{}).issue(t, false, "mx.peer.example")
	for _, test := range []struct {
		name  string
		level config.TLSLevel
		cert  *tls.Certificate
		want  string
		first cause.ID
	}{
		{"verified, whatever is in force", config.TLSNo, &good, before + "handshake, verify, EHLO after TLS", ""},
		{"self-signed", config.TLSPrefer, &self, before + "handshake, verify V1", cause.V1},
		{"no STARTTLS", config.TLSRequireVerify, nil, before[:len(before)-2] + " S2", cause.S2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, test.cert)
			b := newBench(t, func(b *bench, c *config.Config) {
				b.trust(c, ca)
				toMX(b, m.peer, "mx.peer.example", false)
				level(c, "peer.example", test.level)
			})
			var told []tlspolicy.StepName
			records, err := b.deliverer.Verify(t.Context(), VerifyRequest{Domain: "Peer.Example"}, func(e Event) {
				if e.Begun == "" {
					told = append(told, e.Step.Name)
				}
			})
			if err != nil || len(records) != 1 {
				t.Fatalf("%d records, %v", len(records), err)
			}
			r := records[0]
			if got := stepsOf(r); got != test.want || r.Action.First != test.first || r.DCID != 0 || r.Facts.Control.Level != test.level {
				t.Errorf("%s, %+v under %+v\nwant %s", got, r.Action, r.Facts.Control, test.want)
			}
			if len(told) != len(r.Steps)-2 || len(b.observed()) != 0 || len(m.got()) != 0 {
				t.Errorf("told of %v; %d records observed; the peer got %q", told, len(b.observed()), m.got())
			}
		})
	}
}

// TestVerifyTriesEveryHost looks at all mail exchangers, also behind one that is good, and at what the DNS does not know.
func TestVerifyTriesEveryHost(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "peer.example")
	m := newMailbox(t, &cert)
	b := newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		b.port = int(m.addr.Port())
		b.dns.MXs = map[string][]dns.MX{"peer.example": {{Preference: 1, Host: "a.example"}, {Preference: 2, Host: "gone.example"}, {Preference: 3, Host: "b.example"}}}
		b.dns.Hosts = map[string][]netip.Addr{"a.example": {m.addr.Addr()}, "b.example": {m.addr.Addr()}}
		c.Routes["void.example"] = &config.Route{Hops: []string{"/dev/null"}}
	})
	hosts := func(req VerifyRequest) (list []string) {
		records, err := b.deliverer.Verify(t.Context(), req, nil)
		if err != nil {
			t.Errorf("%+v: %v", req, err)
		}
		for _, r := range records {
			list = append(list, r.Facts.Host+string(" "+r.Action.First))
		}
		return list
	}
	for _, test := range []struct {
		req  VerifyRequest
		want []string
	}{
		{VerifyRequest{Domain: "peer.example"}, []string{"a.example ", "gone.example N1", "b.example "}},
		{VerifyRequest{Domain: "peer.example", Host: "B.example"}, []string{"b.example "}},
		{VerifyRequest{Domain: "peer.example", Host: "127.0.0.1", Port: int(m.addr.Port())}, []string{"127.0.0.1 "}},
		{VerifyRequest{Domain: "other.example", Host: "a.example"}, []string{"a.example V5"}},
		{VerifyRequest{Domain: "other.example"}, []string{" N1"}},
		{VerifyRequest{Domain: "peer.example", Host: "ours.example", Address: m.addr}, []string{"ours.example "}},
	} {
		if got := hosts(test.req); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.req, got, test.want)
		}
	}
	if _, err := b.deliverer.Verify(t.Context(), VerifyRequest{Domain: "void.example"}, nil); !errors.Is(err, ErrDiscarded) {
		t.Errorf("a discarding route: %v", err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	if _, err := b.deliverer.Verify(over, VerifyRequest{Domain: "peer.example"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// TestVerifyTellsRefusalsApart has a peer that can only do what we do not: its alert says nothing, the second hello does.
func TestVerifyTellsRefusalsApart(t *testing.T) {
	p := newPeer(t, func(n int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		l.r.Peek(1)
		if n == 0 {
			l.conn.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			return
		}
		hello := append([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 32)...)
		l.conn.Write(append(hello, 0, 0, 0x18, 0)) // ADH-RC4-MD5
		l.conn.Write([]byte{22, 3, 3, 0, 4, 14, 0, 0, 0})
		l.r.ReadString(0)
	})
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", p) })
	records, err := b.deliverer.Verify(t.Context(), VerifyRequest{Domain: "peer.example"}, nil)
	if err != nil || len(records) != 1 || records[0].Outcome.Cause != cause.H6 || records[0].Action.First != cause.H6 {
		t.Fatalf("%+v, %v", records, err)
	}
}

// TestVerifyImplicitTLS looks at a listener of our own that begins with the handshake.
func TestVerifyImplicitTLS(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "mail.example.com")
	for _, silent := range []bool{false, true} {
		p := newPeer(t, func(_ int, l *line) {
			if l.secure(&tls.Config{Certificates: []tls.Certificate{cert}}) != nil || silent {
				return
			}
			l.greet()
			l.bye()
		})
		b := newBench(t, func(b *bench, c *config.Config) { b.trust(c, ca) })
		req := VerifyRequest{Domain: "mail.example.com", Host: "mail.example.com", Address: p.addr, Implicit: true}
		records, err := b.deliverer.Verify(t.Context(), req, nil)
		if err != nil || len(records) != 1 || (records[0].Action.Do == tlspolicy.Proceed) == silent || records[0].Outcome.Verified == silent {
			t.Errorf("silent %v: %+v, %v", silent, records[0], err)
		}
	}
}
