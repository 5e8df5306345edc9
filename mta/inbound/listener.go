// Package inbound owns the receiving journey: a listener's connections, the host access table's decision on each, its
// mail flow policy's limits and TLS, the recipient access table, the trace header, and the hand-over of a message to
// the spool and then to whoever delivers it. The protocol itself is mta/smtp's; sockets are opened and closed by mta,
// the only importer.
package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// Message is a message on its way into the spool; *spool.Writer is one.
type Message interface {
	io.Writer
	Size() int64
	Commit(spool.Envelope) error
	Abort()
}

// Spool keeps messages; Store makes one of a *spool.Spool.
type Spool interface {
	NextMID() uint64
	Create(mid uint64) (Message, error)
}

// Store adapts the spool to what listeners need of it.
func Store(s *spool.Spool) Spool { return store{s} }

type store struct{ *spool.Spool }

func (s store) Create(mid uint64) (Message, error) { return s.Spool.Create(mid) }

// Handshake does one TLS handshake and knows what came of it; *tlspolicy.Incoming is one.
type Handshake interface {
	smtp.Upgrade
	Outcome(err error) tlspolicy.Outcome
}

// Sink takes over a message that is in the spool and about to be acknowledged to its sender.
type Sink interface {
	// Hold says whether the message is to stay in the spool for the present; then that is all. Else Accepted follows.
	Hold(mid uint64) bool
	Accepted(ctx context.Context, m spool.Message)
}

// Names looks up what a peer's address is called; every dns.Resolver does.
type Names interface {
	Reverse(ctx context.Context, addr netip.Addr) ([]string, error)
	Addresses(ctx context.Context, host string) ([]dns.Addr, error)
	Answering(addr netip.Addr) bool // whether a nameserver can be expected to know
}

// Options are what a listener works with. All fields are needed except Now and Ended.
type Options struct {
	Name   string                // the listener's name in the configuration
	Config func() *config.Config // the running configuration; a connection keeps the one that it began with
	// TLS prepares the next handshake on the listener, by the running configuration; askClient says whether the client is
	// asked for a certificate, without which or with a bad one the handshake must succeed all the same. An error is
	// answered with 454.
	TLS      func(listener string, askClient bool) (Handshake, error)
	Spool    Spool
	Sink     Sink
	Names    Names
	Log      *maillog.Log
	System   *maillog.System
	ICID     func() uint64 // gives out the next connection ID
	Counters *Counters     // shared by all listeners
	Now      func() time.Time
	// Ended is told of each connection that was not refused outright, when it ends: what came of its TLS, nil where that was
	// never begun, and whether mail could have been taken on it. nil: nobody is told.
	Ended func(o *tlspolicy.Outcome, used bool)
	// Tap hears the conversation with a peer, whose name is empty where it is not known to be the peer's, until it is told to
	// stop. A nil Tap: nobody listens to this one. nil: nobody ever does.
	Tap func(icid uint64, remote netip.Addr, name string) (tap smtp.Tap, stop func())
}

// Listener serves the connections of one listener of the configuration. It holds no socket of its own, so it outlives
// suspension and changes of the port.
type Listener struct {
	opts   Options
	limits *limits
	names  nameless
	access atomic.Pointer[accessTable] // of the latest connection's configuration
	dated  atomic.Pointer[dated]       // the latest

	mu      sync.Mutex
	era     int // counts the calls of Shutdown: each ends what began in the eras before
	open    map[*connection]struct{}
	count   map[int]int // of open, by era
	waiters []waiter
}

// waiter is a Shutdown that waits for the connections of an era and all before it.
type waiter struct {
	era  int
	done chan struct{}
}

// New returns a listener without a socket; see Serve.
func New(o Options) *Listener {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Listener{opts: o, limits: newLimits(), open: make(map[*connection]struct{}), count: make(map[int]int)}
}

// accessTable is a host access table with the setting that it was made of.
type accessTable struct {
	*config.AccessTable
	of *config.Listener
}

// table returns a listener's host access table ready for use. A configuration never changes once it is published, so
// the table is made once for each.
func (l *Listener) table(of *config.Listener) *accessTable {
	t := l.access.Load()
	if t == nil || t.of != of {
		t = &accessTable{of.HostAccess.Compile(), of}
		l.access.Store(t)
	}
	return t
}

// Open is the number of open connections.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

const maxAcceptPause = time.Second

// Serve accepts connections from ln until that is closed, ctx ends or Shutdown is called; it then closes ln and returns
// nil. Sessions go on: Shutdown ends them and waits for them. Serve may be called again, and for several sockets at once.
func (l *Listener) Serve(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	era := l.present()
	unhook := context.AfterFunc(ctx, func() { ln.Close() })
	defer unhook()
	sessions := context.WithoutCancel(ctx)
	pause := time.Duration(0)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			if !l.admit(sessions, conn, era) {
				return nil
			}
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return nil
		default: // such as too many open files: others may go on, and this passes
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			l.opts.System.Problem(fmt.Sprintf("listener %s cannot accept: %v", l.opts.Name, err))
			if !wait(ctx, pause) {
				return nil
			}
		}
	}
}

// wait pauses and says whether ctx still lives.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *Listener) present() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.era
}

// admit starts the goroutine of a connection, unless it comes from a socket of an era that is over.
func (l *Listener) admit(ctx context.Context, conn net.Conn, era int) bool {
	ctx, cancel := context.WithCancel(ctx)
	c := &connection{l: l, conn: conn, cancel: cancel, era: era}
	l.mu.Lock()
	if era != l.era {
		l.mu.Unlock()
		cancel()
		conn.Close()
		return false
	}
	l.open[c] = struct{}{}
	l.count[era]++
	l.mu.Unlock()
	go func() {
		defer l.leave(c)
		defer cancel()
		c.receive(ctx)
	}()
	return true
}

func (l *Listener) leave(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if l.count[c.era]--; l.count[c.era] > 0 {
		return
	}
	delete(l.count, c.era)
	l.waiters = slices.DeleteFunc(l.waiters, func(w waiter) bool {
		over := l.over(w.era)
		if over {
			close(w.done)
		}
		return over
	})
}

// over says whether no connection of the era or of one before it is open. mu is held.
func (l *Listener) over(era int) bool {
	for e := range l.count {
		if e <= era {
			return false
		}
	}
	return true
}

// Shutdown ends what Serve has accepted so far and every Serve that goes on: idle sessions end with 421 at once, the
// others when their transaction is over, and what is left after grace when its connection is closed. It returns when
// their goroutines have ended. The listener can serve again, meanwhile too.
func (l *Listener) Shutdown(grace time.Duration) {
	w := l.endEra()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		l.each(w.era, (*connection).abandon)
		<-w.done
	}
}

// endEra asks every session of this era and those before to end.
func (l *Listener) endEra() waiter {
	l.mu.Lock()
	w := waiter{era: l.era, done: make(chan struct{})}
	l.era++
	if l.over(w.era) {
		close(w.done)
	} else {
		l.waiters = append(l.waiters, w)
	}
	l.mu.Unlock()
	l.each(w.era, (*connection).stop)
	return w
}

// each calls do for every open connection up to an era.
func (l *Listener) each(era int, do func(*connection)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if c.era <= era {
			do(c)
		}
	}
}
