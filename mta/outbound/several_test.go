package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// tray is a queue of a few tasks, which keeps what came of them. What was not tried comes again, as the real one has it.
type tray struct {
	nobody
	tasks []*queue.Task
	came  []string
}

func (r *tray) Destination() string { return "first.example" }
func (r *tray) Next(context.Context) (*queue.Task, bool) {
	if len(r.tasks) == 0 {
		return nil, false
	}
	task := r.tasks[0]
	r.tasks = r.tasks[1:]
	return task, true
}
func (r *tray) Settle(task *queue.Task, results []queue.Result) []queue.Result {
	rest := *task
	rest.Recipients = nil
	for _, rcpt := range task.Recipients {
		i := slices.IndexFunc(results, func(res queue.Result) bool { return res.RID == rcpt.RID })
		if i < 0 {
			rest.Recipients = append(rest.Recipients, rcpt)
			continue
		}
		r.came = append(r.came, fmt.Sprintf("%s %d %d", rcpt.Address, results[i].Outcome, results[i].Protection))
	}
	if len(rest.Recipients) > 0 {
		r.tasks = append(r.tasks, &rest)
	}
	return results
}
func (r *tray) Up(string)           {}
func (r *tray) Down(*queue.Failure) {}
func (r *tray) Bar(*queue.Failure)  {}
func (r *tray) Pressed() bool       { return false }

// TestATaskOfSeveralDomains has one message for recipients of several domains, as a queue may put together whose route is the
// same. They share a transaction as far as each domain's own rules permit.
func TestATaskOfSeveralDomains(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, false, "relay.example", "first.example")
	delivered := func(who string, p queue.Protection) string { return fmt.Sprintf("b@%s %d %d", who, queue.Delivered, p) }
	soft := func(who string) string { return fmt.Sprintf("b@%s %d %d", who, queue.Soft, queue.Clear) }
	for _, test := range []struct {
		name         string
		first, other config.Destination
		route        string // of other.example, where it has one of its own
		mail         int    // transactions
		domains      string // of the records that are told, in order
		want         []string
	}{
		{"alike", config.Destination{}, config.Destination{}, "", 1, "first.example other.example",
			[]string{delivered("first.example", queue.Clear), delivered("Other.example", queue.Clear)}},
		{"each is content", config.Destination{TLS: config.TLSRequire}, config.Destination{TLS: config.TLSPrefer}, "", 1, "first.example other.example",
			[]string{delivered("first.example", queue.Encrypted), delivered("Other.example", queue.Encrypted)}},
		{"one verifies and the other does not", config.Destination{TLS: config.TLSRequire}, config.Destination{TLS: config.TLSRequireVerify}, "", 1,
			"first.example other.example", []string{delivered("first.example", queue.Encrypted), delivered("Other.example", queue.Verified)}},
		{"TLS for one of them", config.Destination{}, config.Destination{TLS: config.TLSRequire}, "", 2, "first.example other.example",
			[]string{delivered("first.example", queue.Clear), delivered("Other.example", queue.Encrypted)}},
		{"other credentials", config.Destination{TLS: config.TLSRequire}, config.Destination{TLS: config.TLSRequire, Certificate: "Other"}, "", 2,
			"first.example other.example", []string{delivered("first.example", queue.Encrypted), delivered("Other.example", queue.Encrypted)}},
		{"another route", config.Destination{}, config.Destination{}, "/dev/null", 1, "first.example -",
			[]string{delivered("first.example", queue.Clear), delivered("Other.example", queue.Nowhere)}},
		{"the first is not content", config.Destination{TLS: config.TLSRequire, DANE: daneOn}, config.Destination{TLS: config.TLSRequire}, "", 1,
			"first.example other.example", []string{soft("first.example"), delivered("Other.example", queue.Encrypted)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, &cert)
			b := newBench(t, func(b *bench, c *config.Config) {
				b.trust(c, ca)
				toMX(b, m.peer, "relay.example", true)
				if test.first.DANE != "" {
					b.dns.TLSAs[tlsaName(m.peer, "relay.example")] = tlsaFor((&authority{}).issue(t, false, "stranger.example").Leaf)
				}
				c.Routes[config.RouteAll] = &config.Route{Hops: []string{"relay.example" + m.peer.hop()[len("[127.0.0.1]"):]}}
				if test.route != "" {
					c.Routes["other.example"] = &config.Route{Hops: []string{test.route}}
				}
				c.Destinations["first.example"], c.Destinations["other.example"] = &test.first, &test.other
			})
			msg := b.put(spool.Envelope{Sender: "a@x.example"}, letter, "b@first.example", "b@Other.example")
			task := &queue.Task{Envelope: &msg.Envelope}
			for _, r := range msg.Recipients {
				task.Recipients = append(task.Recipients, queue.Recipient{RID: r.RID, Address: r.Address, Destination: queue.Destination(r.Address)})
			}
			r := &tray{}
			for first, ok := task, true; ok; first, ok = r.Next(t.Context()) {
				b.deliverer.deliver(t.Context(), r, first)
			}
			if slices.Sort(r.came); !slices.Equal(r.came, sorted(test.want)) {
				t.Errorf("came to %q, want %q", r.came, test.want)
			}
			if mail := m.got(); len(mail) != test.mail {
				t.Errorf("transactions %q, want %d", mail, test.mail)
			}
			var domains []string
			for range strings.Fields(test.domains) {
				domain := "-"
				if s := b.outcome(); s.Record != nil {
					domain = s.Record.Facts.Domain
				}
				domains = append(domains, domain)
			}
			if got := strings.Join(domains, " "); got != test.domains {
				t.Errorf("records of %q, want %q", got, test.domains)
			}
		})
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestSessionsAreResumed has a second connection to a peer resume the first one's session, and look at its chain again; after
// a change of trust, and for another domain, there is none to resume.
func TestSessionsAreResumed(t *testing.T) {
	ca := newAuthority(t)
	conf := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, false, "mx.peer.example", "peer.example", "other.example")}}
	p := newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		if l.secure(conf) != nil {
			return
		}
		l.hear("EHLO", offerOf())
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		route(c, config.RouteAll, p)
		level(c, "peer.example", config.TLSRequireVerify)
		level(c, "other.example", config.TLSRequireVerify)
	})
	for _, test := range []struct {
		to      string
		resumed bool
		before  func()
	}{
		{"b@peer.example", false, func() {}},
		{"b@peer.example", true, func() {}},
		{"b@other.example", false, func() {}},
		{"b@peer.example", true, func() {}},
		{"b@peer.example", false, func() { b.configure(b.world.Load().Config.Clone()) }},
		{"b@peer.example", true, func() {}},
	} {
		test.before()
		b.send(test.to)
		s := b.outcome()
		if s.Outcome != SentDelivered || s.Protection != queue.Verified || s.Record.Outcome.Resumed != test.resumed {
			t.Errorf("to %s: %s, protection %v, resumed %v, want %v", test.to, s.Outcome, s.Protection, s.Record.Outcome.Resumed, test.resumed)
		}
		b.rest()
	}
}
