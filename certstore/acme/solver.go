package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	protocol "github.com/mholt/acmez/v3/acme"
	"golang.org/x/net/netutil"
)

// solver answers the challenges of one order; close leaves nothing behind.
type solver interface {
	acmez.Solver
	close()
}

func newSolver(s *Settings, challenge string) (solver, error) {
	switch challenge {
	case HTTP01:
		return &port{settings: s, number: s.HTTPPort, serve: serveHTTP, tokens: map[string]protocol.Challenge{}}, nil
	case TLSALPN01:
		return &port{settings: s, number: s.TLSPort, serve: serveTLS, tokens: map[string]protocol.Challenge{}}, nil
	case DNS01:
		return newUpdater(s)
	}
	return nil, fmt.Errorf("challenge %q is unknown", challenge)
}

const (
	visitors     = 50               // at once; authorities come from several places
	visitLimit   = 10 * time.Second // one visit of the authority's
	leaveLimit   = time.Second      // for visits under way when the challenge is over
	headersLimit = 8 << 10          // bytes of an HTTP request
)

// port answers http-01 or tls-alpn-01. It listens only while a challenge is open, so that nothing is reachable there
// for the rest of the time.
type port struct {
	settings *Settings
	number   int
	serve    func(p *port, l net.Listener) (stop func())

	mu     sync.Mutex // guards what follows
	tokens map[string]protocol.Challenge
	at     string // where it listens
	stop   func()
}

// Present is acmez.Solver's.
func (p *port) Present(ctx context.Context, c protocol.Challenge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[c.Token] = c
	if p.stop != nil {
		return nil
	}
	address := net.JoinHostPort(p.settings.Address, strconv.Itoa(p.number))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("answer %s at %s: %w", c.Type, address, err)
	}
	p.at, p.stop = l.Addr().String(), p.serve(p, netutil.LimitListener(l, visitors))
	return nil
}

// CleanUp is acmez.Solver's.
func (p *port) CleanUp(_ context.Context, c protocol.Challenge) error {
	p.mu.Lock()
	delete(p.tokens, c.Token)
	last := len(p.tokens) == 0
	p.mu.Unlock()
	if last {
		p.close()
	}
	return nil
}

func (p *port) close() {
	p.mu.Lock()
	stop := p.stop
	p.stop = nil
	p.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// find returns the open challenge that fits.
func (p *port) find(fits func(protocol.Challenge) bool) (protocol.Challenge, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.tokens {
		if fits(c) {
			return c, true
		}
	}
	return protocol.Challenge{}, false
}

// ServeHTTP answers http-01 (RFC 8555 §8.3), and nothing else.
func (p *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := p.find(func(c protocol.Challenge) bool { return r.URL.Path == c.HTTP01ResourcePath() })
	if !ok || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	io.WriteString(w, c.KeyAuthorization)
}

func serveHTTP(p *port, l net.Listener) (stop func()) {
	server := &http.Server{
		Handler: p, ReadTimeout: visitLimit, WriteTimeout: visitLimit, IdleTimeout: visitLimit, MaxHeaderBytes: headersLimit,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var work sync.WaitGroup
	work.Go(func() { server.Serve(l) })
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		work.Wait()
	}
}

// serveTLS answers tls-alpn-01 (RFC 8737): the handshake with the challenge's certificate is all there is.
func serveTLS(p *port, l net.Listener) (stop func()) {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{acmez.ACMETLS1Protocol},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, ok := p.find(func(c protocol.Challenge) bool { return strings.EqualFold(c.Identifier.Value, hello.ServerName) })
			if !ok {
				return nil, errors.New("no such challenge")
			}
			return acmez.TLSALPN01ChallengeCert(c)
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				pause(ctx) // out of descriptors: the authority comes again
				continue
			}
			work.Go(func() { greet(ctx, conn, conf) })
		}
	})
	return func() {
		cancel()
		l.Close()
		work.Wait()
	}
}

// pause keeps a fault that stays from using all of a processor.
func pause(ctx context.Context) {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

// greet does one handshake. Strangers reach it, and a fault that they provoke is to cost them their visit and no more.
func greet(ctx context.Context, conn net.Conn, conf *tls.Config) {
	defer func() { _ = recover() }()
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	tls.Server(conn, conf).HandshakeContext(ctx)
}
