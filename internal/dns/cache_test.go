package dns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"posthouse/internal/dns/dnstest"
)

// counted are the counters in the order of dnsstatus.
func counted(c *Counters) string {
	return fmt.Sprintf("requests %d network %d hits %d misses %d exceptions %d expired %d",
		c.Requests.Load(), c.Network.Load(), c.Hits.Load(), c.Misses.Load(), c.Exceptions.Load(), c.Expired.Load())
}

func TestCounters(t *testing.T) {
	s := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.", "a.example. 60 IN TXT x")
	s.Odd("none.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetRcode(q, mdns.RcodeNameError)
		soa, _ := mdns.NewRR("example. 60 IN SOA ns.example. x.example. 1 2 3 4 30")
		reply.Ns = append(reply.Ns, soa)
		return reply
	})
	s.Fail("broken.example")
	r := asking(s.Address)
	now := time.Now()
	r.cache.now = func() time.Time { return now }
	for _, step := range []struct {
		domain string
		later  time.Duration
		want   string
	}{
		{"a.example", 0, "requests 1 network 1 hits 0 misses 1 exceptions 0 expired 0"},
		{"A.Example.", 0, "requests 2 network 1 hits 1 misses 1 exceptions 0 expired 0"},
		{"none.example", 0, "requests 3 network 2 hits 1 misses 2 exceptions 0 expired 0"},
		{"none.example", 29 * time.Second, "requests 4 network 2 hits 1 misses 2 exceptions 1 expired 0"},
		{"none.example", 2 * time.Second, "requests 5 network 3 hits 1 misses 2 exceptions 1 expired 1"},
		{"a.example", 30 * time.Second, "requests 6 network 4 hits 1 misses 2 exceptions 1 expired 2"},
		{"broken.example", 0, "requests 7 network 6 hits 1 misses 3 exceptions 1 expired 2"}, // asked twice
		{"broken.example", 0, "requests 8 network 8 hits 1 misses 4 exceptions 1 expired 2"}, // and never kept
		{"no name..example", 0, "requests 8 network 8 hits 1 misses 4 exceptions 1 expired 2"},
	} {
		now = now.Add(step.later)
		r.MX(t.Context(), step.domain)
		if got := counted(r.cache.count); got != step.want {
			t.Fatalf("after %s: %s, want %s", step.domain, got, step.want)
		}
	}
	if n := r.Flush(); n != 2 {
		t.Errorf("flushed %d answers, want 2", n)
	}
	r.MX(t.Context(), "a.example")
	if got := counted(r.cache.count); got != "requests 9 network 9 hits 1 misses 5 exceptions 1 expired 2" {
		t.Errorf("after the flush: %s", got)
	}
}

// TestCacheKeepsWhatIsAskedFor fills the cache far beyond its limits; what is asked for all the time stays.
func TestCacheKeepsWhatIsAskedFor(t *testing.T) {
	long, err := mdns.NewRR("long.example. 3600 IN TXT " + strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 100))
	if err != nil {
		t.Fatal(err)
	}
	for name, records := range map[string][]mdns.RR{"short": nil, "long": {long}} {
		c := newCache(time.Now, new(Counters))
		ans := &answer{records: records, expires: time.Now().Add(time.Hour)}
		c.put(question{"popular", mdns.TypeA}, ans)
		for i := range maxAnswers + 10 {
			c.put(question{fmt.Sprintf("n%d", i), mdns.TypeA}, ans)
			if _, ok := c.get(question{"popular", mdns.TypeA}); !ok {
				t.Fatalf("%s: what is asked for is gone after %d others", name, i)
			}
		}
		if n := c.recent.Len(); n > maxAnswers || n != len(c.answers) || c.bytes > maxBytes {
			t.Errorf("%s: %d answers of %d bytes, %d in the index", name, n, c.bytes, len(c.answers))
		}
		if _, ok := c.get(question{"n1", mdns.TypeA}); ok {
			t.Errorf("%s: the oldest is still there", name)
		}
		c.put(question{"popular", mdns.TypeA}, ans)
		n := c.recent.Len()
		if c.flush() != n || c.bytes != 0 || len(c.answers) != 0 {
			t.Errorf("%s: a flushed cache has %d bytes, %d answers", name, c.bytes, len(c.answers))
		}
	}
}
