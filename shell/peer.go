package shell

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

const (
	maxConnections   = 4096 // at once
	maxStrangers     = 512  // of them not logged in yet
	maxStrangersFrom = 256  // of those from one source, so that the others still find room
	maxChannels      = 64   // sessions at once over one connection
	maxSessions      = 1024 // over all connections: what a client sends ahead of its questions takes up to 2 MiB each
	maxRefusing      = 4096 // channels of one connection whose refusal its client does not take
	writeLimit       = time.Minute
	closeAfterStall  = 5 * time.Second
)

// peer is one client's connection. It is the net.Conn that the SSH library is given.
type peer struct {
	net.Conn
	remote string       // without the port; "console" for the unix socket
	source netip.Prefix // that it counts for; none for the unix socket
	wrong  int          // passwords; only the handshake's goroutine counts

	handshake *time.Timer // ends the connection unless it is stopped in time
	known     atomic.Bool // logged in
	ending    atomic.Bool // the next write is the last
	refusing  atomic.Int64

	mu       sync.Mutex
	channels int
	unused   *time.Timer // ends a connection over which there is no session
	idle     time.Duration
}

// newPeer takes a connection that has to log in within handshake, and that ends when it has no session for idle.
func newPeer(conn net.Conn, remote string, handshake, idle time.Duration) *peer {
	p := &peer{Conn: conn, remote: remote, source: source(remote), idle: idle}
	p.handshake = time.AfterFunc(handshake, func() { conn.Close() })
	p.unused = time.AfterFunc(handshake+idle, func() { conn.Close() }) // until it is logged in, handshake is the limit
	return p
}

// over stops the clocks of a connection that has ended.
func (p *peer) over() {
	p.handshake.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unused.Stop()
}

// refuse answers a channel that is not opened. The answers wait for the client to take them; who lets very many wait is
// disconnected.
func (p *peer) refuse(nc gossh.NewChannel, why gossh.RejectionReason, text string) {
	if p.refusing.Add(1) > maxRefusing {
		p.Conn.Close()
	}
	defer p.refusing.Add(-1)
	nc.Reject(why, text)
}

// Write bounds every write: a client that takes nothing loses its connection.
func (p *peer) Write(b []byte) (int, error) {
	p.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	n, err := p.Conn.Write(b)
	if err != nil || p.ending.Load() {
		p.Conn.Close()
	}
	return n, err
}

// SetDeadline does nothing: the library clears deadlines with every read and write, and ours must stay.
func (p *peer) SetDeadline(time.Time) error { return nil }

// authenticated ends the time limit for logging in. A session has to begin within the limit for idling.
func (p *peer) authenticated() {
	p.known.Store(true)
	p.handshake.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.channels == 0 {
		p.unused.Reset(p.idle)
	}
}

// endAfterWrite closes the connection behind the next thing that is written, the refusal.
func (p *peer) endAfterWrite() { p.ending.Store(true) }

// take asks for a further session over the connection.
func (p *peer) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.channels >= maxChannels {
		return false
	}
	p.channels++
	p.unused.Stop()
	return true
}

func (p *peer) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.channels--; p.channels == 0 {
		p.unused.Reset(p.idle)
	}
}

// remoteAddress is the address of a connection's other end, without the port.
func remoteAddress(conn net.Conn) string {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().String()
	}
	return conn.RemoteAddr().String()
}

// localAddress is where a connection arrived; not valid where that is no TCP port.
func localAddress(conn net.Conn) netip.AddrPort {
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		at := a.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	}
	return netip.AddrPort{}
}
