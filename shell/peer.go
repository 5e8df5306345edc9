package shell

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxConnections  = 4096 // at once
	maxStrangers    = 512  // of them not logged in yet
	maxChannels     = 64   // sessions at once over one connection
	writeLimit      = time.Minute
	closeAfterStall = 5 * time.Second
)

// peer is one client's connection. It is the net.Conn that the SSH library is given.
type peer struct {
	net.Conn
	remote string // without the port; "console" for the unix socket
	wrong  int    // passwords; only the handshake's goroutine counts

	handshake *time.Timer // ends the connection unless it is stopped in time
	known     atomic.Bool // logged in
	ending    atomic.Bool // the next write is the last

	mu       sync.Mutex
	channels int
}

func newPeer(conn net.Conn, remote string, handshake time.Duration) *peer {
	p := &peer{Conn: conn, remote: remote}
	p.handshake = time.AfterFunc(handshake, func() { conn.Close() })
	return p
}

// Write bounds every write: a client that takes nothing loses its connection.
func (p *peer) Write(b []byte) (int, error) {
	p.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	n, err := p.Conn.Write(b)
	if p.ending.Load() {
		p.Conn.Close()
	}
	return n, err
}

// SetDeadline does nothing: the library clears deadlines with every read and write, and ours must stay.
func (p *peer) SetDeadline(time.Time) error { return nil }

// authenticated ends the time limit for logging in.
func (p *peer) authenticated() {
	p.known.Store(true)
	p.handshake.Stop()
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
	return true
}

func (p *peer) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.channels--
}

// remoteAddress is the address of a connection's other end, without the port.
func remoteAddress(conn net.Conn) string {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().String()
	}
	return conn.RemoteAddr().String()
}
