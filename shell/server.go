package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// Server is the SSH server: it listens where the configuration's interfaces say, lets operators in and works their
// sessions. It is a config.Applier: a commit binds new ports before it takes effect, and sessions outlive a removed port.
type Server struct {
	opts     Options
	lock     *lockouts
	failed   *failures
	refused  refusals     // for the address
	garbled  refusals     // in the handshake, before anybody tried to log in
	crowded  refusals     // for want of room
	channels atomic.Int64 // sessions over all connections
	sessions *sessionList

	base     context.Context // of all sessions
	end      context.CancelFunc
	stopping context.CancelFunc // of sessions that wait for input

	wg sync.WaitGroup // accept loops and connections

	transfers chan struct{} // a token for each session of scp or sftp

	mu        sync.Mutex
	serving   bool
	closed    bool
	listeners map[string]net.Listener // by place
	peers     map[*peer]struct{}
}

// farewell is how long clients without a session get to close their connections when the server stops.
const farewell = time.Second

// New makes a server. It listens to nothing before Start.
func New(opts Options) (*Server, error) {
	switch {
	case len(opts.HostKeys) == 0:
		return nil, errors.New("ssh server: no host key")
	case opts.Config == nil:
		return nil, errors.New("ssh server: no configuration")
	}
	srv := &Server{opts: opts, listeners: map[string]net.Listener{}, peers: map[*peer]struct{}{}, transfers: make(chan struct{}, maxTransfers)}
	srv.base, srv.end = context.WithCancel(context.Background())
	srv.opts.stopping, srv.stopping = context.WithCancel(context.Background())
	srv.lock = openLockouts(srv.opts.State, srv.opts.now, srv.account, srv.system)
	srv.failed = newFailures(func(line string) { log(srv.opts.Auth, line) })
	srv.opts.lock, srv.opts.failed = srv.lock, srv.failed
	srv.sessions = &sessionList{time: srv.opts.now}
	srv.opts.sessions = srv.sessions
	srv.opts.logins = openLogins(srv.opts.State, srv.opts.now)
	return srv, nil
}

// Start binds the ports of the running configuration. Operators are let in as soon as Run is called.
func (srv *Server) Start(ctx context.Context) error {
	p, err := srv.Prepare(ctx, &config.Config{}, srv.running())
	if err != nil {
		return err
	}
	p.Commit()
	return nil
}

// Run serves until ctx ends. Then it refuses new connections, tells sessions that wait for input to end, lets commands
// go on for the grace period, and returns when nothing of the server is left.
func (srv *Server) Run(ctx context.Context) error {
	srv.mu.Lock()
	srv.serving = true
	for _, l := range srv.listeners {
		srv.serve(l)
	}
	srv.mu.Unlock()
	srv.failed.run(ctx)
	srv.stop()
	srv.failed.tell() // what the last connections brought, too
	return nil
}

func (srv *Server) stop() {
	srv.mu.Lock()
	srv.closed = true
	for place, l := range srv.listeners {
		l.Close()
		delete(srv.listeners, place)
	}
	var strangers []*peer
	for p := range srv.peers {
		if !p.known.Load() {
			strangers = append(strangers, p)
		}
	}
	srv.mu.Unlock()
	for _, p := range strangers {
		p.Close()
	}
	srv.stopping()
	grace := time.NewTimer(srv.opts.grace())
	defer grace.Stop()
	select {
	case <-srv.sessions.empty():
		srv.sayGoodbye()
	case <-grace.C:
	}
	srv.end()
	srv.closePeers()
	srv.wg.Wait()
}

// sayGoodbye waits a moment for clients whose last session is over: they take it for a failure of their command when they
// cannot close their connection themselves.
func (srv *Server) sayGoodbye() {
	gone := make(chan struct{})
	go func() { defer close(gone); srv.wg.Wait() }() // it ends before stop does
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-gone:
	case <-late.C:
	}
}

func (srv *Server) closePeers() {
	srv.mu.Lock()
	all := make([]*peer, 0, len(srv.peers))
	for p := range srv.peers {
		all = append(all, p)
	}
	srv.mu.Unlock()
	for _, p := range all {
		p.Close()
	}
}

// Addresses lists what is bound, as ADDRESS:PORT, in order.
func (srv *Server) Addresses() []string {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	list := []string{}
	for _, l := range srv.listeners {
		list = append(list, l.Addr().String())
	}
	slices.Sort(list)
	return list
}

// serve accepts connections until l is closed. The caller holds mu.
func (srv *Server) serve(l net.Listener) {
	srv.wg.Go(func() {
		for {
			conn, err := l.Accept()
			switch {
			case err == nil && !srv.welcome(conn):
				conn.Close()
			case err == nil:
				srv.admit(conn)
			case errors.Is(err, net.ErrClosed):
				return
			default: // out of file descriptors, or a client that left at once
				srv.system("The SSH port %s accepts nothing: %v", l.Addr(), err)
				select {
				case <-time.After(100 * time.Millisecond):
				case <-srv.base.Done():
					return
				}
			}
		}
	})
}

// admit serves one TCP connection, if there is room for it.
func (srv *Server) admit(conn net.Conn) {
	p := newPeer(conn, remoteAddress(conn), srv.opts.handshake(), srv.opts.idle())
	if !srv.register(p) {
		p.over()
		conn.Close()
		text := "A connection from " + p.remote + " was refused: too many are open already, or wait to log in."
		if text = srv.crowded.line(srv.opts.now(), text, "refusal"); text != "" {
			log(srv.opts.System, text)
		}
		return
	}
	srv.wg.Go(func() {
		defer srv.forget(p)
		defer srv.recovered("a connection")
		srv.library(p).HandleConn(p)
	})
}

// library is the SSH library's server for one connection. A handler for public keys is always set: without any handler
// the library lets everybody in.
func (srv *Server) library(p *peer) *ssh.Server {
	l := &ssh.Server{
		HostSigners:          srv.hostSigners(),
		PublicKeyHandler:     srv.offered,
		ServerConfigCallback: func(ssh.Context) *gossh.ServerConfig { return srv.sshConfig(p) },
		ConnectionFailedCallback: func(_ net.Conn, err error) {
			srv.handshakeFailed(p, err)
		},
		RequestHandlers: map[string]ssh.RequestHandler{}, // no forwarding
		ChannelHandlers: map[string]ssh.ChannelHandler{
			"session": func(_ *ssh.Server, conn *gossh.ServerConn, nc gossh.NewChannel, _ ssh.Context) {
				if !srv.enter() {
					p.refuse(nc, gossh.ResourceShortage, "the appliance is stopping")
					return
				}
				defer srv.wg.Done()
				srv.serveChannel(p, conn, conn.Permissions, nc)
			},
		},
	}
	return l
}

// handshakeFailed logs a connection that no login came of, unless nothing was wrong with it but that.
func (srv *Server) handshakeFailed(p *peer, err error) {
	var auth *gossh.ServerAuthError
	if errors.As(err, &auth) {
		return // each attempt has its line already
	}
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return // somebody only looked whether the port is open, or was too slow
	}
	text := "An SSH connection from " + p.remote + " failed: " + handshakeFault(err)
	if text = srv.garbled.line(srv.opts.now(), text, "failure"); text != "" {
		log(srv.opts.System, text)
	}
}

// handshakeFault is why a handshake failed, in words that a stranger may have chosen.
func handshakeFault(err error) string {
	var apart *gossh.AlgorithmNegotiationError
	if errors.As(err, &apart) {
		return fmt.Sprintf("no common %s; offered here: %s; offered there: %s", apart.What,
			offers(apart.SupportedAlgorithms), offers(apart.RequestedAlgorithms))
	}
	const most = 1000
	text := err.Error()
	return fmt.Sprintf("%q", text[:min(len(text), most)])
}

// enter counts a session in, so that stop waits for it.
func (srv *Server) enter() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return false
	}
	srv.wg.Add(1)
	return true
}

func (srv *Server) register(p *peer) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	strangers, same := 0, 0
	for q := range srv.peers {
		if !q.known.Load() {
			strangers++
			if q.source == p.source {
				same++
			}
		}
	}
	if srv.closed || len(srv.peers) >= maxConnections || strangers >= maxStrangers || same >= maxStrangersFrom {
		return false
	}
	srv.peers[p] = struct{}{}
	return true
}

func (srv *Server) forget(p *peer) {
	p.over()
	p.Conn.Close()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.peers, p)
}

// history opens the history of a session's user; only terminals have one.
func (srv *Server) history(s *Session) *history {
	if s.way != terminal {
		return nil
	}
	return openHistory(srv.opts.State, s.id.user, s.harmless)
}

// running is the configuration in force.
func (srv *Server) running() *config.Config {
	if snap := srv.opts.Config.Running(); snap != nil && snap.Config != nil {
		return snap.Config
	}
	return &config.Config{}
}

// limits are the settings for lockouts.
func (srv *Server) limits() config.Shell { return limitsIn(srv.running()) }

func limitsIn(c *config.Config) config.Shell {
	l := c.Shell
	if l.LockoutAttempts == 0 {
		l.LockoutAttempts = 5
	}
	if l.LockoutMinutes == 0 {
		l.LockoutMinutes = 10
	}
	return l
}

func (srv *Server) system(format string, args ...any) {
	log(srv.opts.System, fmt.Sprintf(format, args...))
}

// recovered keeps a fault of ours from taking the whole appliance down; it is deferred outermost.
func (srv *Server) recovered(where string) {
	if r := recover(); r != nil {
		srv.system("fault in %s: %v\n%s", where, r, debug.Stack())
	}
}
