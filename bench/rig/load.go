package rig

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Load is one load pattern.
type Load struct {
	Addr       string        // host:port of the server
	First      int           // the number of the first message
	N          int           // messages, at most
	MaxTime    time.Duration // stop sending after this; 0: never
	Size       int           // bytes of a message's body
	Sessions   int           // at once
	PerSession int           // messages a connection; 0: no limit
	Rcpts      int           // recipients a message
	Domains    int           // of the recipients: d0.bench.test, d1.bench.test, ...
	Domain     string        // of all recipients, in place of these
	StartTLS   bool
	Pipeline   bool   // MAIL, RCPT and DATA in one write
	AuthPlain  string // base64 of AUTH PLAIN's argument, "" for none
}

// LoadResult is what came of it.
type LoadResult struct {
	Acked, TempFail, PermFail, ConnErr int64
	Unknown                            int64 // final dot sent, no answer: they may or may not arrive
	Conns                              int64
	Next                               int             // the number behind the last message that was begun
	Start, End                         time.Time       // End is when the last 250 came
	Data                               []time.Duration // final dot to 250
	Whole                              []time.Duration // connect, or MAIL, to 250
	FirstErr                           string
}

const (
	pause    = 20 * time.Millisecond // before a message is tried again
	graceful = 2 * time.Minute       // how long after MaxTime a message that was begun is tried again
)

// generator is one run of a load; everything in it is shared by its sessions.
type generator struct {
	*Load
	tracker  *Tracker
	body     *content
	deadline time.Time // zero: none

	next, acked, temporary, permanent, failed, unknown, conns, lastAck atomic.Int64
	firstErr                                                           atomic.Pointer[string]
}

// Run sends until the messages or the time are used up or ctx is done, and returns when all its sessions have ended.
func (l *Load) Run(ctx context.Context, t *Tracker) *LoadResult {
	start := time.Now()
	g := &generator{Load: l, tracker: t, body: newContent(l.Size)}
	g.next.Store(int64(l.First))
	if l.MaxTime > 0 {
		g.deadline = start.Add(l.MaxTime)
	}
	senders := make([]sender, l.Sessions)
	var sessions sync.WaitGroup
	for i := range senders {
		senders[i].generator = g
		sessions.Go(func() { senders[i].run(ctx) })
	}
	sessions.Wait()
	return g.result(start, senders)
}

func (g *generator) result(start time.Time, senders []sender) *LoadResult {
	r := &LoadResult{Start: start, End: time.Now(), Acked: g.acked.Load(), TempFail: g.temporary.Load(), PermFail: g.permanent.Load(),
		ConnErr: g.failed.Load(), Unknown: g.unknown.Load(), Conns: g.conns.Load(), Next: min(int(g.next.Load()), g.First+g.N)}
	if last := g.lastAck.Load(); last > 0 {
		r.End = time.Unix(0, last)
	}
	for i := range senders {
		r.Data = append(r.Data, senders[i].data...)
		r.Whole = append(r.Whole, senders[i].whole...)
	}
	if first := g.firstErr.Load(); first != nil {
		r.FirstErr = *first
	}
	return r
}

// take gives out the next message's number.
func (g *generator) take() (seq int, ok bool) {
	if g.past(0) {
		return 0, false
	}
	seq = int(g.next.Add(1)) - 1
	return seq, seq < g.First+g.N
}

// past tells whether the load's time, and grace on top of it, is used up.
func (g *generator) past(grace time.Duration) bool {
	return !g.deadline.IsZero() && time.Now().After(g.deadline.Add(grace))
}

// sender is one session at a time, in one goroutine.
type sender struct {
	*generator
	c           *client
	left        int // messages that the connection may still carry
	data, whole []time.Duration
}

func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		seq, ok := s.take()
		if !ok {
			break
		}
		s.message(ctx, seq)
	}
	if s.c != nil {
		s.c.quit()
	}
}

// message tries one message until its fate is known, or nobody waits for it any more.
func (s *sender) message(ctx context.Context, seq int) {
	begun := time.Now()
	for ctx.Err() == nil && !s.past(graceful) {
		if s.c == nil && !s.connect(ctx) {
			if s.past(0) {
				return
			}
			wait(ctx)
			continue
		}
		took, sent, err := s.c.send(s.Load, s.body, s.tracker.run, seq)
		if err == nil {
			s.done(seq, took, time.Since(begun))
			return
		}
		s.drop()
		if s.settle(err, sent) {
			return
		}
		wait(ctx)
	}
}

func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (s *sender) connect(ctx context.Context) bool {
	c, err := s.dial(ctx)
	if err != nil {
		s.failed.Add(1)
		s.note(err)
		return false
	}
	s.conns.Add(1)
	s.c, s.left = c, s.PerSession
	return true
}

func (s *sender) drop() {
	s.c.close()
	s.c = nil
}

func (s *sender) done(seq int, took, whole time.Duration) {
	s.tracker.ack(seq)
	s.acked.Add(1)
	s.lastAck.Store(time.Now().UnixNano())
	s.data, s.whole = append(s.data, took), append(s.whole, whole)
	if s.left--; s.left == 0 {
		s.c.quit()
		s.c = nil
	}
}

// settle counts a failure and tells whether the message is done with. One that may have been taken is never sent again: so
// what the sink gets twice was sent twice by the server.
func (s *sender) settle(err error, sent bool) bool {
	s.note(err)
	var refused *replyError
	switch {
	case errors.As(err, &refused) && refused.code/100 == 4:
		s.temporary.Add(1)
		return false
	case errors.As(err, &refused):
		s.permanent.Add(1)
		return true
	case sent:
		s.unknown.Add(1)
		return true
	}
	s.failed.Add(1)
	return false
}

func (s *sender) note(err error) {
	text := err.Error()
	s.firstErr.CompareAndSwap(nil, &text)
}
