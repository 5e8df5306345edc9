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
	"sync"
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

// Sink takes over a message that is in the spool and acknowledged to its sender.
type Sink interface {
	Accepted(ctx context.Context, m spool.Message)
}

// Names looks up what a peer's address is called; every dns.Resolver does.
type Names interface {
	Reverse(ctx context.Context, addr netip.Addr) ([]string, error)
	Addresses(ctx context.Context, host string) ([]dns.Addr, error)
}

// Options are what a listener works with. All fields are needed except Now.
type Options struct {
	Name   string                // the listener's name in the configuration
	Config func() *config.Config // the running configuration; a connection keeps the one that it began with
	// TLS prepares the next handshake on the listener, by the running configuration. An error is answered with 454.
	TLS      func(listener string, verifyClient bool) (Handshake, error)
	Spool    Spool
	Sink     Sink
	Names    Names
	Log      *maillog.Log
	System   *maillog.System
	ICID     func() uint64 // gives out the next connection ID
	Counters *Counters     // shared by all listeners
	Now      func() time.Time
}

// Listener serves the connections of one listener of the configuration. It holds no socket of its own, so it outlives
// suspension and changes of the port.
type Listener struct {
	opts   Options
	limits *limits

	mu       sync.Mutex
	stopping bool
	open     map[*connection]struct{}
	empty    chan struct{} // closed when stopping and nothing is open; nil otherwise
}

// New returns a listener without a socket; see Serve.
func New(o Options) *Listener {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Listener{opts: o, limits: newLimits(), open: make(map[*connection]struct{})}
}

// Open is the number of open connections.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

const maxAcceptPause = time.Second

// Serve accepts connections from ln until that is closed or ctx ends; it then closes ln and returns nil. Sessions go
// on: Shutdown ends them and waits for them. Serve may be called again, and for several sockets at once.
func (l *Listener) Serve(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	unhook := context.AfterFunc(ctx, func() { ln.Close() })
	defer unhook()
	sessions := context.WithoutCancel(ctx)
	pause := time.Duration(0)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			l.admit(sessions, conn)
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

// admit starts the goroutine of a connection, unless the listener is shutting down.
func (l *Listener) admit(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	c := &connection{l: l, conn: conn, cancel: cancel}
	l.mu.Lock()
	if l.stopping {
		l.mu.Unlock()
		cancel()
		conn.Close()
		return
	}
	l.open[c] = struct{}{}
	l.mu.Unlock()
	go func() {
		defer l.leave(c)
		defer cancel()
		c.receive(ctx)
	}()
}

func (l *Listener) leave(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if l.empty != nil && len(l.open) == 0 {
		close(l.empty)
		l.empty = nil
	}
}

// Shutdown ends all sessions: idle ones with 421 at once, the others when their transaction is over, and what is left
// after grace by closing its connection. It returns when every goroutine has ended. Meanwhile new connections are
// closed; afterwards the listener can serve again.
func (l *Listener) Shutdown(grace time.Duration) {
	done := l.stopAll()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		l.abandonAll()
		<-done
	}
	l.mu.Lock()
	l.stopping = false
	l.mu.Unlock()
}

// stopAll asks every session to end and returns what is closed when all have.
func (l *Listener) stopAll() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	done := make(chan struct{})
	if len(l.open) == 0 {
		close(done)
		return done
	}
	l.empty = done
	for c := range l.open {
		c.stop()
	}
	return done
}

func (l *Listener) abandonAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.abandon()
	}
}
