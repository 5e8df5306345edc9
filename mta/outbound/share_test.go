package outbound

import (
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// letters queues messages to peer.example that are delivered by one connection at a time, in this order where they are of
// one class.
func (b *bench) letters(envs ...spool.Envelope) {
	b.t.Helper()
	if err := b.queue.Suspend(nil); err != nil {
		b.t.Fatal(err)
	}
	for _, env := range envs {
		env.Sender = "a@x.example"
		b.queue.Add(b.put(env, letter, "b@peer.example"))
	}
	if err := b.queue.Resume(nil); err != nil {
		b.t.Fatal(err)
	}
}

// sharing is a bench with one mail exchanger, proven by DNSSEC, to which there is one connection at a time.
func sharing(t *testing.T, m *mailbox, ca *authority, change func(b *bench, d *config.Destination)) *bench {
	return newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		toMX(b, m.peer, "mx.peer.example", true)
		d := &config.Destination{TLS: config.TLSPrefer, Concurrency: new(1)}
		c.Destinations["peer.example"] = d
		c.Bounces[config.DefaultBounceProfile].HardBounce = false
		if change != nil {
			change(b, d)
		}
	})
}

func TestMessagesShareAConnectionAsFarAsTheyMay(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "mx.peer.example")
	ordinary, require, optional := spool.Envelope{}, spool.Envelope{RequireTLS: true}, spool.Envelope{TLSOptional: true}
	for _, test := range []struct {
		name  string
		under string
		dane  string // TLSA records of another certificate where it is set
		want  []string
		told  []SentOutcome // sorted
	}{
		{"all may", "REQUIRETLS", "", []string{
			"0 tls MAIL FROM:<a@x.example>", "0 tls MAIL FROM:<a@x.example>", "0 tls MAIL FROM:<a@x.example> REQUIRETLS",
			"0 tls MAIL FROM:<a@x.example>",
		}, []SentOutcome{SentDelivered, SentDelivered, SentDelivered, SentDelivered}},
		{"REQUIRETLS gets a connection of its own", "", "", []string{
			"0 tls MAIL FROM:<a@x.example>", "0 tls MAIL FROM:<a@x.example>", "2 tls MAIL FROM:<a@x.example>",
		}, []SentOutcome{SentBounced, SentDelivered, SentDelivered, SentDelivered}},
		{"only TLS-Required: No may", "REQUIRETLS", daneOn, []string{"1 tls MAIL FROM:<a@x.example>"},
			[]SentOutcome{SentBounced, SentDelayed, SentDelivered}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, &cert, test.under)
			b := sharing(t, m, ca, func(b *bench, d *config.Destination) {
				if d.DANE = test.dane; d.DANE != "" {
					other := (&authority{}).issue(t, false, "other.example")
					b.dns.TLSAs[tlsaName(m.peer, "mx.peer.example")] = tlsaFor(other.Leaf)
				}
			})
			b.letters(ordinary, optional, require, ordinary)
			var told []SentOutcome
			for range test.told {
				told = append(told, b.outcome().Outcome)
			}
			if slices.Sort(told); !slices.Equal(told, test.told) {
				t.Errorf("told %v, want %v", told, test.told)
			}
			if got := m.got(); !slices.Equal(got, test.want) {
				t.Errorf("the peer got %q, want %q", got, test.want)
			}
		})
	}
}

// TestTLSRequiredNoIsNotHeldBack has ordinary mail wait because of DANE: a message that relaxes DANE passes it, and the
// ordinary mail is not tried again because of that.
func TestTLSRequiredNoIsNotHeldBack(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "mx.peer.example")
	m := newMailbox(t, &cert)
	b := sharing(t, m, ca, func(b *bench, d *config.Destination) {
		d.DANE = daneOn
		other := (&authority{}).issue(t, false, "other.example")
		b.dns.TLSAs[tlsaName(m.peer, "mx.peer.example")] = tlsaFor(other.Leaf)
	})
	b.letters(spool.Envelope{})
	if s := b.outcome(); s.Outcome != SentDelayed || s.Cause != cause.D1 {
		t.Fatalf("told %+v", s)
	}
	if h, _ := b.queue.Host("peer.example"); h.State != queue.Down {
		t.Errorf("the destination is %s", h.State)
	}
	b.letters(spool.Envelope{}, spool.Envelope{TLSOptional: true})
	if s := b.outcome(); s.Outcome != SentDelivered || s.MID != 3 {
		t.Fatalf("told %+v", s)
	}
	if h, _ := b.queue.Host("peer.example"); h.State != queue.Down || h.Active != 2 || !strings.Contains(h.LastTLS, "DANE not verified (D1)") {
		t.Errorf("the destination: %+v", h)
	}
}

// TestNoticesAboutREQUIRETLS bounces a message with REQUIRETLS: the notice demands the same where it can be had, is sent
// without the demand where it cannot, and never holds anything of the message (RFC 8689 §5).
func TestNoticesAboutREQUIRETLS(t *testing.T) {
	for _, under := range []string{"REQUIRETLS", ""} {
		t.Run("back by "+under, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			cert := ca.issue(t, false, "mx.peer.example", "back.example")
			there, back := newMailbox(t, &cert), newMailbox(t, &cert, under)
			b := newBench(t, func(b *bench, c *config.Config) {
				b.trust(c, ca)
				toMX(b, there.peer, "mx.peer.example", true)
				b.dns.Hosts["back.example"] = b.dns.Hosts["mx.peer.example"]
				c.Routes["back.example"] = &config.Route{Hops: []string{"back.example:" + strings.Split(back.hop(), ":")[1]}}
				level(c, "peer.example", config.TLSPrefer)
				level(c, "back.example", config.TLSPrefer)
			})
			m := b.put(spool.Envelope{Sender: "a@back.example", RequireTLS: true}, "Subject: x\r\nX-Secret: 1\r\n\r\nbody\r\n", "b@peer.example")
			b.queue.Add(m)
			if s := b.outcome(); s.Outcome != SentBounced || s.Cause != cause.R1 {
				t.Fatalf("told %+v", s)
			}
			if s := b.outcome(); s.Outcome != SentDelivered || s.MID == m.MID {
				t.Fatalf("of the notice: %+v", s)
			}
			if got := there.got(); len(got) != 0 {
				t.Errorf("the host without REQUIRETLS got %q", got)
			}
			got := back.got()
			if len(got) != 1 || strings.Contains(got[0], "secret") || strings.HasSuffix(got[0], "REQUIRETLS") != (under != "") {
				t.Errorf("the sender got %q", got)
			}
		})
	}
}
