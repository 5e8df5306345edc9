package dns

import (
	"context"
	"fmt"
	"time"

	mdns "github.com/miekg/dns"
)

// lookupLimit bounds the search for one answer, over all servers and aliases, however patient those are who wait for it.
const lookupLimit = 30 * time.Second

// flight is a question on its way to the nameservers, for everybody who wants to know the answer. It is given up when the
// last of them has lost patience.
type flight struct {
	cancel  context.CancelFunc
	waiting int           // guarded by the cache's mu
	done    chan struct{} // closed when the two below are set
	ans     *answer
	err     error
}

// find returns the answer from the cache, or the flight that is to bring it. The second word says whether there is one.
func (r *resolver) find(q question) (*answer, *flight) {
	c := r.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if ans, ok := c.get(q); ok {
		return ans, nil
	}
	f := c.flights[q]
	if f == nil {
		ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
		f = &flight{cancel: cancel, done: make(chan struct{})}
		c.flights[q] = f
		go r.fly(ctx, q, f)
	}
	f.waiting++
	return nil, f
}

// fly brings a flight's answer home. What a server sends cannot take the process down with it.
func (r *resolver) fly(ctx context.Context, q question, f *flight) {
	defer close(f.done)
	defer f.cancel()
	defer func() {
		if fault := recover(); fault != nil {
			f.err = &Error{Name: q.name, Type: mdns.TypeToString[q.qtype], Kind: Temporary, Err: fmt.Errorf("panic: %v", fault)}
		}
		r.cache.land(q, f)
	}()
	f.ans, f.err = r.resolve(ctx, q.name, q.qtype)
}

// land ends a flight: from now on the answer is in the cache, or the question has to be asked anew.
func (c *cache) land(q question, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.err == nil {
		c.put(q, f.ans)
	}
	if c.flights[q] == f {
		delete(c.flights, q)
	}
}

// wait waits for a flight as long as ctx lasts. Whoever leaves it last sees to its end.
func (r *resolver) wait(ctx context.Context, q question, f *flight) (*answer, error) {
	select {
	case <-f.done:
		return f.ans, f.err
	case <-ctx.Done():
	}
	if r.cache.leave(q, f) {
		f.cancel()
		<-f.done
	}
	return nil, &Error{Name: q.name, Type: mdns.TypeToString[q.qtype], Kind: Temporary, Err: context.Cause(ctx)}
}

// leave takes one who waits off a flight and says whether that was the last. Nobody joins it then.
func (c *cache) leave(q question, f *flight) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting > 0 {
		return false
	}
	if c.flights[q] == f {
		delete(c.flights, q)
	}
	return true
}
