package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// grace is how long a request may go on when the server stops.
const grace = 2 * time.Second

// Server serves a handler on the address of the configuration, and moves with it. What is bound stays bound until
// another address is committed.
type Server struct {
	handler http.Handler
	problem func(text string)
	changed chan struct{} // holds at most one token: wanted may not be what is served

	mu      sync.Mutex // guards what follows
	address string     // as configured
	wanted  net.Listener
	owned   bool // Run has taken wanted over
	ended   bool
}

// NewServer returns a server that serves nothing yet. problem is told what goes wrong while it serves.
func NewServer(handler http.Handler, problem func(text string)) *Server {
	return &Server{handler: handler, problem: problem, changed: make(chan struct{}, 1)}
}

// Prepared is an address that is bound and not served yet.
type Prepared struct {
	server   *Server
	address  string
	listener net.Listener
	same     bool
}

// Prepare binds ADDRESS:PORT, or nothing for "". One of Commit and Abort has to follow.
func (s *Server) Prepare(address string) (*Prepared, error) {
	s.mu.Lock()
	same := s.address == address && !s.ended
	s.mu.Unlock()
	p := &Prepared{server: s, address: address, same: same}
	if same || address == "" {
		return p, nil
	}
	var err error
	if p.listener, err = net.Listen("tcp", address); err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return p, nil
}

// Commit serves on the new address from now on, and on the old one no more.
func (p *Prepared) Commit() {
	if p.same {
		return
	}
	s := p.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		p.Abort()
		return
	}
	if s.wanted != nil && !s.owned {
		s.wanted.Close()
	}
	s.address, s.wanted, s.owned = p.address, p.listener, false
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Abort gives back what was bound.
func (p *Prepared) Abort() {
	if p.listener != nil {
		p.listener.Close()
	}
}

// Address is where the server listens; invalid where it does not.
func (s *Server) Address() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted == nil {
		return netip.AddrPort{}
	}
	return s.wanted.Addr().(*net.TCPAddr).AddrPort()
}

// Run serves until the context ends and returns when all that it began has ended.
func (s *Server) Run(ctx context.Context) error {
	stop := func() {}
	for {
		select {
		case <-s.changed:
			if s.served() {
				continue // two commits, and the second was served for both
			}
			stop()
			stop = s.serve()
		case <-ctx.Done():
			stop()
			s.end()
			return nil
		}
	}
}

// served says whether what is wanted is served already.
func (s *Server) served() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owned
}

// serve begins to serve what is wanted; stop ends it and waits.
func (s *Server) serve() (stop func()) {
	s.mu.Lock()
	l := s.wanted
	s.owned = true
	s.mu.Unlock()
	if l == nil {
		return func() {}
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.problem(fmt.Sprintf("metrics are not served any more: %v", err))
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		<-done
	}
}

// end gives back what Run never came to serve.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted != nil && !s.owned {
		s.wanted.Close()
	}
	s.wanted, s.address, s.ended = nil, "", true
}
