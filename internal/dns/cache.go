package dns

import (
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

const (
	maxTTL      = 24 * time.Hour  // nothing is believed for longer
	negativeTTL = 5 * time.Minute // the longest that an absence is believed (RFC 2308 §5 allows up to 3 hours)
	maxAnswers  = 20000           // answers kept at once
)

// answer is a certain answer, positive or negative. It is immutable.
type answer struct {
	name    string // where the records are, or are missing, after CNAMEs
	records []mdns.RR
	rcode   int
	secure  bool // every reply that it was made from was proven by DNSSEC
	expires time.Time
}

// newAnswer makes an answer that lives as long as its records, or as the zone says of absences.
func newAnswer(now time.Time, msg *mdns.Msg, name string, records []mdns.RR, ttl time.Duration) *answer {
	if len(records) == 0 {
		ttl = min(ttl, absenceTTL(msg))
	}
	return &answer{name: name, records: records, rcode: msg.Rcode, expires: now.Add(ttl)}
}

// absenceTTL is how long an absence may be kept: the lower of the SOA's TTL and its minimum (RFC 2308 §5). Without
// a SOA it is not kept.
func absenceTTL(msg *mdns.Msg) time.Duration {
	for _, rr := range msg.Ns {
		if soa, ok := rr.(*mdns.SOA); ok {
			return min(time.Duration(min(soa.Hdr.Ttl, soa.Minttl))*time.Second, negativeTTL)
		}
	}
	return 0
}

// left is what is left of the answer's life.
func (a *answer) left(now time.Time) time.Duration {
	return max(a.expires.Sub(now), 0)
}

// failure is the error that a negative answer stands for.
func (a *answer) failure(name string, qtype uint16) error {
	if len(a.records) > 0 {
		return nil
	}
	kind := NoData
	if a.rcode == mdns.RcodeNameError {
		kind = NotFound
	}
	return &Error{Name: name, Type: mdns.TypeToString[qtype], Kind: kind, Secure: a.secure}
}

// question is a key of the cache.
type question struct {
	name  string
	qtype uint16
}

// cache keeps certain answers for as long as they live.
type cache struct {
	now func() time.Time

	mu      sync.Mutex
	answers map[question]*answer
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, answers: make(map[question]*answer)}
}

func (c *cache) get(name string, qtype uint16) (*answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := question{name, qtype}
	ans, ok := c.answers[key]
	if ok && !c.now().Before(ans.expires) {
		delete(c.answers, key)
		return nil, false
	}
	return ans, ok
}

func (c *cache) put(name string, qtype uint16, ans *answer) {
	if !c.now().Before(ans.expires) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxAnswers {
		c.evict()
	}
	c.answers[question{name, qtype}] = ans
}

// evict makes room: what has expired goes, and if that is little, a quarter of the rest as the map happens to give it.
func (c *cache) evict() {
	now := c.now()
	for key, ans := range c.answers {
		if !now.Before(ans.expires) {
			delete(c.answers, key)
		}
	}
	for key := range c.answers {
		if len(c.answers) <= maxAnswers*3/4 {
			return
		}
		delete(c.answers, key)
	}
}
