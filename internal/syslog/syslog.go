// Package syslog pushes lines to a syslog server: over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425), in the form of
// RFC 5424 or RFC 3164. Add never waits: what the server does not take stays in a bounded queue, and what the queue does not
// take is counted and told once there is room again. It is a leaf: it imports nothing of ours.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Protocol is what lines travel over.
type Protocol string

// The protocols, by the words that the configuration has for them.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
	TLS Protocol = "tls"
)

// The severities of RFC 5424 §6.2.1 that lines have.
const (
	Critical = 2
	Warning  = 4
	Info     = 6
	Debug    = 7
)

const (
	defaultQueue = 8 << 20
	overhead     = 64       // bytes that a queued line costs beside its text
	mostBatch    = 64 << 10 // bytes that are written to a stream at once
	mostDatagram = 8 << 10  // bytes of a message over UDP; RFC 5426 §3.2 has receivers take 2048 at least

	dialLimit    = 10 * time.Second
	writeLimit   = 20 * time.Second
	firstPause   = 250 * time.Millisecond // before a server is tried again; doubles up to mostPause
	mostPause    = time.Minute
	refusalTime  = time.Second     // in which a datagram that nobody takes is refused (ICMP)
	farewellTime = 2 * time.Second // for what is queued when the pusher is closed
)

// Options describe one server.
type Options struct {
	Protocol Protocol
	Address  string // host:port
	Lines    bool   // messages end with a line feed instead of beginning with their length (RFC 6587 §3.4.2); not of UDP
	Old      bool   // RFC 3164 instead of RFC 5424
	Facility int    // 0 to 23
	Hostname string
	App      string // what the messages are said to come from: the log's name
	Queue    int    // bytes that wait for the server at most; 0: 8 MiB
	// Dial makes a connection over TCP or TLS; nil: over TCP, as it is. Explain says in one line what is wrong where a connection was not made, or
	// has ended; nil: the error does.
	Dial    func(ctx context.Context) (net.Conn, error)
	Explain func(err error) string
	// Tell is told in one line when the server cannot be reached and when it takes lines again; nil: nobody.
	Tell func(text string)
}

// Status is how a pusher stands.
type Status struct {
	Connected bool
	Queued    int    // lines that wait
	Sent      uint64 // lines that were handed to the network
	Dropped   uint64 // lines for which there was no room
	Fault     string // why the last try failed; empty while connected
}

// Pusher sends lines to one server. Its methods may be called from many goroutines at once.
type Pusher struct {
	opts Options
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{} // holds at most one token: there is something to send

	mu     sync.Mutex // guards everything below
	queue  []line
	size   int // bytes of the queue
	closed bool
	lost   uint64 // lines dropped and not yet told of to the server
	status Status
}

// line is one message that waits.
type line struct {
	at       time.Time
	severity int
	text     string
}

// New starts a pusher. The caller closes it.
func New(o Options) *Pusher {
	if o.Queue == 0 {
		o.Queue = defaultQueue
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	if o.Explain == nil {
		o.Explain = error.Error
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Pusher{opts: o, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go p.run(ctx)
	return p
}

// Add queues a line, without control characters in it, and returns at once. text is the caller's again.
func (p *Pusher) Add(at time.Time, severity int, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.size+len(text)+overhead > p.opts.Queue {
		p.status.Dropped++
		p.lost++
		return
	}
	if p.lost > 0 {
		p.put(line{at, Warning, fmt.Sprintf("Warning: %d lines were dropped because the server was away", p.lost)})
		p.lost = 0
	}
	p.put(line{at, severity, string(text)})
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// put appends to the queue; mu is held.
func (p *Pusher) put(l line) {
	p.queue = append(p.queue, l)
	p.size += len(l.text) + overhead
}

// Status says how the pusher stands.
func (p *Pusher) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.status
	s.Queued = len(p.queue)
	return s
}

// Close sends what is queued if the server takes it within two seconds, and waits for the pusher's end. Lines that come
// later are forgotten.
func (p *Pusher) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	timer := time.NewTimer(farewellTime)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	p.stop()
	<-p.done
}

// over says that nothing is left to do.
func (p *Pusher) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed && len(p.queue) == 0
}

// run connects and sends until the pusher is closed.
func (p *Pusher) run(ctx context.Context) {
	defer close(p.done)
	defer p.stop()
	pause, told := firstPause, false
	for ctx.Err() == nil && !p.over() {
		began := time.Now()
		err := p.session(ctx, told && p.opts.Protocol == UDP, func() {
			if told {
				p.opts.Tell(fmt.Sprintf("Log %s: the syslog server %s takes lines again", p.opts.App, p.opts.Address))
			}
			told = false
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		why := p.opts.Explain(err)
		p.failed(why)
		if !told {
			told = true
			p.opts.Tell(fmt.Sprintf("Log %s: the syslog server %s cannot be reached: %s", p.opts.App, p.opts.Address, why))
		}
		if time.Since(began) > mostPause {
			pause = firstPause
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, mostPause)
	}
}

func sleep(ctx context.Context, d time.Duration) bool { return sleepUnless(ctx, nil, d) }

func (p *Pusher) failed(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Connected, p.status.Fault = false, why
}

// session is one connection. It returns nil when the pusher is closed and everything is sent. A doubtful one is over UDP to
// an address that refused before: it counts as connected when a line went out and nothing came back.
func (p *Pusher) session(ctx context.Context, doubtful bool, connected func()) error {
	conn, err := p.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	defer unhook()
	peer := p.watch(conn)
	defer func() { conn.Close(); <-peer.gone }()
	if !doubtful {
		p.connected()
		connected()
	}
	for {
		n, batch := p.batch()
		if n == 0 {
			if p.over() {
				return nil
			}
			select {
			case <-p.wake:
				continue
			case <-peer.gone:
				return peer.err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-peer.gone: // what is written now would be lost
			return peer.err
		default:
		}
		conn.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := conn.Write(batch); err != nil {
			return err
		}
		p.sent(n)
		if doubtful {
			if !sleepUnless(ctx, peer.gone, refusalTime) {
				continue // the loop knows why
			}
			doubtful = false
			p.connected()
			connected()
		}
	}
}

func (p *Pusher) connected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Connected, p.status.Fault = true, ""
}

// sleepUnless says whether d went by before the context and the peer ended.
func sleepUnless(ctx context.Context, gone <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-ctx.Done():
	}
	return false
}

// ErrGone says that the server closed the connection. What it wraps may say why.
var ErrGone = errors.New("the server closed the connection")

// gone is ErrGone with what was read in the end.
type gone struct{ error }

func (gone) Error() string        { return ErrGone.Error() }
func (g gone) Unwrap() error      { return g.error }
func (gone) Is(target error) bool { return target == ErrGone }

// watched is the other end of a connection: gone is closed when it has gone, and err says how.
type watched struct {
	gone chan struct{}
	err  error
}

// watch reads what a server has to say, which is nothing, so as to learn that it has gone.
func (p *Pusher) watch(conn net.Conn) *watched {
	w := &watched{gone: make(chan struct{})}
	go func() {
		defer close(w.gone)
		buf := make([]byte, 512)
		for {
			if _, err := conn.Read(buf); err != nil {
				if w.err = error(gone{err}); p.opts.Protocol == UDP {
					w.err = err // ICMP says that nobody listens
				}
				return
			}
		}
	}()
	return w
}

func (p *Pusher) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	switch {
	case p.opts.Protocol == UDP:
		return new(net.Dialer).DialContext(ctx, "udp", p.opts.Address)
	case p.opts.Dial != nil:
		return p.opts.Dial(ctx)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", p.opts.Address)
}

// batch is what is written next, and of how many lines: they stay queued until they are written.
func (p *Pusher) batch() (n int, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.queue {
		b = p.opts.frame(b, l)
		n++
		if p.opts.Protocol == UDP || len(b) >= mostBatch {
			break
		}
	}
	return n, b
}

// sent forgets the first n lines.
func (p *Pusher) sent(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.queue[:n] {
		p.size -= len(l.text) + overhead
	}
	clear(p.queue[:n])
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil
	}
	p.status.Sent += uint64(n)
}
