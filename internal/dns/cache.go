package dns

import (
	"container/list"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

const (
	maxTTL      = 24 * time.Hour  // nothing is believed for longer
	negativeTTL = 5 * time.Minute // the longest that an absence is believed (RFC 2308 §5 allows up to 3 hours)
	maxAnswers  = 50000           // answers kept at once
	maxBytes    = 32 << 20        // and what they may take in memory: one answer can be long
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

// size is about how many bytes the answer takes in memory.
func (a *answer) size() int {
	const each, record = 300, 100 // what an answer and a record take beside their text
	n := each + len(a.name)
	for _, rr := range a.records {
		n += record + 2*mdns.Len(rr)
	}
	return n
}

// question is a key of the cache.
type question struct {
	name  string
	qtype uint16
}

// cache keeps certain answers for as long as they live, those that are asked for before others, and joins whoever asks
// a question to those who wait for its answer already.
type cache struct {
	now   func() time.Time
	count *Counters

	mu      sync.Mutex // guards everything below
	answers map[question]*list.Element
	recent  *list.List // of *kept, what was asked for last in front
	bytes   int
	flights map[question]*flight
}

// kept is an answer in its place.
type kept struct {
	question
	*answer
	bytes int
}

func newCache(now func() time.Time, count *Counters) *cache {
	return &cache{now: now, count: count, answers: make(map[question]*list.Element), recent: list.New(), flights: make(map[question]*flight)}
}

// get returns an answer that is still alive and counts what it found. The caller holds mu.
func (c *cache) get(q question) (*answer, bool) {
	c.count.Requests.Add(1)
	e, ok := c.answers[q]
	if !ok {
		c.count.Misses.Add(1)
		return nil, false
	}
	k := e.Value.(*kept)
	switch {
	case !c.now().Before(k.expires):
		c.drop(e)
		c.count.Expired.Add(1)
		return nil, false
	case len(k.records) == 0:
		c.count.Exceptions.Add(1)
	default:
		c.count.Hits.Add(1)
	}
	c.recent.MoveToFront(e)
	return k.answer, true
}

// put keeps an answer and makes room for it: what was not asked for the longest goes. The caller holds mu.
func (c *cache) put(q question, ans *answer) {
	if !c.now().Before(ans.expires) {
		return
	}
	if e, ok := c.answers[q]; ok {
		c.drop(e)
	}
	k := &kept{q, ans, ans.size()}
	c.answers[q] = c.recent.PushFront(k)
	c.bytes += k.bytes
	for c.recent.Len() > maxAnswers || c.bytes > maxBytes {
		c.drop(c.recent.Back())
	}
}

// drop forgets an answer. The caller holds mu.
func (c *cache) drop(e *list.Element) {
	k := c.recent.Remove(e).(*kept)
	delete(c.answers, k.question)
	c.bytes -= k.bytes
}

// flush forgets every answer and returns how many there were. Questions under way are not concerned.
func (c *cache) flush() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.recent.Len()
	clear(c.answers)
	c.recent.Init()
	c.bytes = 0
	return n
}
