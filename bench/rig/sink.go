package rig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Sink is a fast SMTP server that keeps nothing but counters.
type Sink struct {
	Addr    string      // host:port; with port 0 Start fills in which one it was
	TLS     *tls.Config // nil: no STARTTLS offered
	Require bool        // refuse MAIL before STARTTLS

	Conns    atomic.Int64
	TLSConns atomic.Int64
	Bytes    atomic.Int64
	Stale    atomic.Int64 // messages of no load, or of another than the one that is tracked

	tracker atomic.Pointer[Tracker]

	mu       sync.Mutex // guards everything below
	listener net.Listener
	open     map[net.Conn]bool
	quiet    *sync.Cond // signalled when the last open connection ends
	sessions sync.WaitGroup
}

// Track makes t count what comes from now on.
func (s *Sink) Track(t *Tracker) { s.tracker.Store(t) }

// Start listens. It may be called again after Stop, and listens at the same port then.
func (s *Sink) Start() error {
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	s.Addr = listener.Addr().String()
	s.mu.Lock()
	s.listener, s.open, s.quiet = listener, map[net.Conn]bool{}, sync.NewCond(&s.mu)
	s.mu.Unlock()
	s.sessions.Go(func() { s.accept(listener) })
	return nil
}

func (s *Sink) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue
		}
		if !s.admit(listener, conn) {
			conn.Close()
			return
		}
		s.Conns.Add(1)
		s.sessions.Go(func() {
			defer s.leave(conn)
			newSession(s, conn).serve()
		})
	}
}

// admit remembers a connection so that Stop can end it; false when Stop came first.
func (s *Sink) admit(listener net.Listener, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != listener {
		return false
	}
	s.open[conn] = true
	return true
}

func (s *Sink) leave(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	if len(s.open) == 0 {
		s.quiet.Broadcast()
	}
}

// Open is how many connections there are.
func (s *Sink) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// AwaitQuiet returns when there is no connection. It is for after a sender's death, when the kernel ends them all: what
// the sink counts later is of the sender's next life.
func (s *Sink) AwaitQuiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) > 0 {
		s.quiet.Wait()
	}
}

// Stop closes the listener, so that connections are refused, and all connections, and waits for their sessions.
func (s *Sink) Stop() {
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.sessions.Wait()
}
