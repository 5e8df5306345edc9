package inbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// connection is one peer's visit: what was decided about it at its start, and its session.
type connection struct {
	l      *Listener
	conn   net.Conn
	cancel context.CancelFunc // of everything that the connection waits for
	era    int                // of the Listener, at its start

	conf     *config.Config   // as at the connection's start
	listener *config.Listener // within conf
	iface    string           // the name and the host name of the listener's interface
	ifHost   string
	host     string // that, or what the policy has in its place
	local    netip.Addr
	remote   netip.Addr
	name     string // the peer's reverse name, "" for none
	verified bool   // the name leads back to the address

	icid    uint64
	table   *accessTable
	access  access
	entered bool     // among the connections of its address
	tap     smtp.Tap // nil: nobody listens

	visit // what the SMTP session has come to; its goroutine's own

	mu       sync.Mutex
	session  *smtp.Session // nil before the banner
	stopping bool
}

// access is the host access table's decision.
type access struct {
	group, pattern string
	behavior       config.Behavior
	policy         config.PolicyParams // effective
}

// stop asks the session to end in order.
func (c *connection) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if c.session != nil {
		c.session.Stop()
	}
}

// abandon ends the connection where it stands.
func (c *connection) abandon() {
	c.cancel()
	c.conn.Close()
}

// receive is the connection's whole life. A panic costs this connection only.
func (c *connection) receive(ctx context.Context) {
	defer c.conn.Close()
	defer func() {
		if fault := recover(); fault != nil {
			c.l.opts.System.Problem(fmt.Sprintf("SMTP session ICID %d failed: %v", c.icid, fault))
		}
	}()
	if !c.settle() {
		return
	}
	c.l.opts.Counters.Connections.Add(1)
	defer c.l.opts.Counters.Connections.Add(-1)
	defer c.l.limits.exit()
	switch c.l.limits.enter(c.listener.MaxConnections) {
	case flooded:
		return
	case tooMany:
		c.refuseBusy()
		return
	}
	c.decide(ctx)
	if c.access.behavior == config.TCPRefuse {
		c.reset()
		return
	}
	c.serve(ctx)
}

// settle takes the snapshot that the connection lives by. It fails only when the listener has just been deleted.
func (c *connection) settle() bool {
	c.conf = c.l.opts.Config()
	c.listener = c.conf.Listeners[c.l.opts.Name]
	if c.listener == nil {
		return false
	}
	c.iface = c.listener.Interface
	c.ifHost = c.conf.Hostname
	if iface := c.conf.Interfaces[c.iface]; iface != nil && iface.Hostname != "" {
		c.ifHost = iface.Hostname
	}
	c.local, c.remote = address(c.conn.LocalAddr()), address(c.conn.RemoteAddr())
	return true
}

// address is an IP address without its port; IPv4 as IPv4, whatever the socket.
func address(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// decide looks the peer up in the host access table.
func (c *connection) decide(ctx context.Context) {
	c.table = c.l.table(c.listener)
	name, verified := c.l.nameOf(ctx, c.remote, c.table.NeedsName())
	c.mu.Lock() // for Peers
	c.name, c.verified = name, verified
	c.mu.Unlock()
	c.lookUp(nil)
}

// lookUp asks the table about the peer; client is its verified certificate, nil for none.
func (c *connection) lookUp(client *tlspolicy.ClientCertificate) {
	peer := config.Peer{Addr: c.remote}
	if c.verified { // What the peer's own zone says of it proves nothing.
		peer.Name = c.name
	}
	if client != nil {
		peer.Subjects, peer.Authorities = client.Subjects(), client.CustomAuthorities()
	}
	a := &c.access
	a.group, a.pattern, a.behavior, a.policy = c.table.Lookup(peer)
	c.host = c.ifHost
	if a.policy.BannerHost != "" {
		c.host = a.policy.BannerHost
	}
}

// reset closes the connection with a RST, as if nothing listened here.
func (c *connection) reset() {
	a := &c.access
	c.l.opts.Log.HostRefused(a.group, a.pattern, "")
	if tcp, ok := c.conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	c.conn.Close()
}

// introduce gives the connection its ID and its first line.
func (c *connection) introduce() {
	c.icid = c.l.opts.ICID()
	c.l.opts.Log.ConnectionIn(c.icid, c.iface, c.local, c.remote, c.name, c.verified)
}

// refuseBusy tells a peer that the listener is full. Nothing is looked up for it.
func (c *connection) refuseBusy() {
	c.introduce()
	defer c.l.opts.Log.ConnectionInClosed(c.icid)
	c.tooMany(smtp.NewReply(421, "4.7.0", "Too many connections to this listener"))
}

var replyTooManyFrom = smtp.NewReply(421, "4.7.0", "Too many connections from your host")

// tooMany ends a connection before its session. Where TLS comes first nothing can be said without a handshake, which
// would cost more than whoever comes too often is worth.
func (c *connection) tooMany(r smtp.Reply) {
	c.l.opts.Log.ReceivingFailed(c.icid, maillog.ConnectionsReached)
	if !c.listener.ImplicitTLS {
		smtp.Refuse(c.conn, r)
	}
}

// serve runs the session of a connection that is not refused outright.
func (c *connection) serve(ctx context.Context) {
	log := c.l.opts.Log
	c.introduce()
	defer log.ConnectionInClosed(c.icid)
	a := &c.access
	log.HostAccess(c.icid, string(a.behavior), a.group, a.pattern, "")
	if a.behavior != config.Reject && !c.enter() {
		c.tooMany(replyTooManyFrom)
		return
	}
	defer c.exit()
	defer c.ended()
	defer c.listenIn()()
	defer c.abort() // only after a panic is there still something to end
	if c.begin().Serve(ctx) == smtp.EndLost {
		log.ConnectionInLost(c.icid)
	}
}

// listenIn has somebody hear the conversation who wants to; what it returns ends that.
func (c *connection) listenIn() (stop func()) {
	if c.l.opts.Tap != nil {
		name := ""
		if c.verified {
			name = c.name
		}
		if tap, stop := c.l.opts.Tap(c.icid, c.remote, name); tap != nil {
			c.tap = tap
			return stop
		}
	}
	return func() {}
}

// enter counts the connection among those of its address, unless these are as many as the policy allows. One that is
// counted already is held to the policy of now.
func (c *connection) enter() bool {
	limit := value(c.access.policy.MaxConcurrency)
	if c.entered {
		return c.l.limits.within(c.remote, limit)
	}
	c.entered = c.l.limits.enterFrom(c.remote, limit)
	return c.entered
}

// exit gives back every place that the connection has.
func (c *connection) exit() {
	c.endHandshake()
	if c.entered {
		c.entered = false
		c.l.limits.exitFrom(c.remote)
	}
}

// ended tells what came of the connection's TLS.
func (c *connection) ended() {
	if c.l.opts.Ended != nil {
		c.l.opts.Ended(c.outcome, c.hello != "" && c.access.behavior != config.Reject)
	}
}

// begin makes the session; from here on stop reaches it.
func (c *connection) begin() *smtp.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adds = c.origin
	c.session = smtp.NewSession(c.conn, c.sessionOptions(), c)
	if c.stopping {
		c.session.Stop()
	}
	return c.session
}

// maxFarewell is how long a client that was rejected may take to say QUIT.
const maxFarewell = time.Minute

func (c *connection) sessionOptions() smtp.Options {
	p := &c.access.policy
	each := seconds(c.conf.Injection.CommandTimeout, 5*time.Minute)
	if c.access.behavior == config.Reject {
		each = min(each, maxFarewell)
	}
	return smtp.Options{
		Host:           c.host,
		Greeting:       p.AcceptText,
		Rejected:       c.access.behavior == config.Reject,
		RejectText:     p.RejectText,
		MaxMessageSize: value(p.MaxMessageSize),
		ImplicitTLS:    c.listener.ImplicitTLS,
		OfferTLS:       p.TLS == config.TLSPreferred || p.TLS == config.TLSRequired,
		RequireTLS:     p.TLS == config.TLSRequired,
		CommandTimeout: each,
		SessionTimeout: seconds(c.conf.Injection.SessionTimeout, 15*time.Minute),
		MaxBadCommands: c.conf.Injection.MaxBadCommands,
		Tap:            c.tap,
	}
}

// seconds is a configured time, or what stands in for a missing one.
func seconds(n int, missing time.Duration) time.Duration {
	if n <= 0 {
		return missing
	}
	return time.Duration(n) * time.Second
}

// value is what a policy's parameter points at, 0 where it is unset.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
