package mta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/inbound"
	"posthouse/mta/spool"
)

// forward hands a message that is in the spool to the queue; a TLS report of others is read.
func (e *Engine) forward(ctx context.Context, m spool.Message) {
	if e.holdsReport(m) {
		e.takeReport(ctx, m)
		return
	}
	if len(m.Recipients) > fewRecipients && e.attended(func() { e.queue.Add(m) }) {
		return
	}
	e.queue.Add(m)
}

// fewRecipients are queued before the client has its 250. More of them begin many deliveries at once, for which it need not
// wait: the message is in the spool.
const fewRecipients = 50

// Listeners returns every listener in the order of their names.
func (e *Engine) Listeners() []ListenerStatus {
	bound := e.Addresses()
	var list []ListenerStatus
	for name := range e.config().Listeners {
		list = append(list, ListenerStatus{Name: name, Addresses: bound[name], Suspended: e.suspended.listener(name)})
	}
	slices.SortFunc(list, func(a, b ListenerStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// named checks the names of listeners; none means all of them.
func (e *Engine) named(names []string) ([]string, error) {
	conf := e.config()
	if len(names) == 0 {
		for name := range conf.Listeners {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if conf.Listeners[name] == nil {
			return nil, fmt.Errorf("no listener %q", name)
		}
	}
	return names, nil
}

// SuspendListeners closes the ports of the listeners (all if none is named), waits up to grace for open connections and
// then closes them. The state survives a restart; the error says when it could not be written down.
func (e *Engine) SuspendListeners(ctx context.Context, names []string, grace time.Duration) error {
	names, err := e.named(names)
	if err != nil {
		return err
	}
	err = e.suspended.update(func() {
		for _, name := range names {
			e.suspended.listeners[name] = true
		}
	})
	var ends sync.WaitGroup
	open := e.closePorts(names)
	e.opt.Bound()
	for _, l := range open {
		ends.Go(func() { l.Shutdown(grace) })
	}
	ended := make(chan struct{})
	if !e.attended(func() { ends.Wait(); close(ended) }) {
		ends.Wait()
		return err
	}
	select {
	case <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attended runs f in a goroutine that the engine waits for when it stops; false, with f not run, once it is stopping.
func (e *Engine) attended(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.serving == nil {
		return false
	}
	e.sessions.Go(f)
	return true
}

// closePorts closes the sockets of the listeners and returns those that may still have sessions.
func (e *Engine) closePorts(names []string) []*inbound.Listener {
	e.mu.Lock()
	defer e.mu.Unlock()
	var open []*inbound.Listener
	for _, name := range names {
		if s := e.sockets[name]; s != nil {
			s.Close()
			delete(e.sockets, name)
		}
		if l := e.listeners[name]; l != nil {
			open = append(open, l)
		}
	}
	return open
}

// ResumeListeners opens the ports of the listeners again, all if none is named. A port that cannot be opened leaves
// its listener suspended and does not hold up the others.
func (e *Engine) ResumeListeners(_ context.Context, names []string) error {
	names, err := e.named(names)
	if err != nil {
		return err
	}
	err = e.suspended.update(func() {
		for _, name := range names {
			delete(e.suspended.listeners, name)
		}
	})
	if err != nil {
		return err
	}
	e.mu.Lock()
	sockets, err := e.prepareSockets(e.config())
	if err == nil {
		e.adopt(sockets)
	}
	e.mu.Unlock()
	if err == nil {
		e.opt.Bound()
		return nil
	}
	closed := e.withoutPort(names)
	if kept := e.suspended.update(func() {
		for _, name := range closed {
			e.suspended.listeners[name] = true
		}
	}); kept != nil {
		return kept
	}
	return err
}

// withoutPort are those of the listeners that have no open port.
func (e *Engine) withoutPort(names []string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return e.sockets[name] != nil })
}

// SuspendDelivery starts nothing new for the domains (all if none is named), waits up to grace for deliveries under way
// and then ends them. The state is on disk before the wait, so that it survives whatever happens meanwhile.
func (e *Engine) SuspendDelivery(ctx context.Context, domains []string, grace time.Duration) error {
	if err := e.queue.Suspend(domains); err != nil {
		return err
	}
	kept := e.keepSuspension()
	e.deliver.CloseKept(e.queue.Suspended().Covers)
	drained := e.queue.Drain(ctx, domains, grace)
	e.deliver.CloseKept(e.queue.Suspended().Covers) // those of deliveries that have just ended
	return errors.Join(kept, drained)
}

// ResumeDelivery delivers to the domains again, to all if none is named.
func (e *Engine) ResumeDelivery(_ context.Context, domains []string) error {
	if err := e.queue.Resume(domains); err != nil {
		return err
	}
	return e.keepSuspension()
}

// keepSuspension writes down what of the deliveries is suspended.
func (e *Engine) keepSuspension() error {
	return e.suspended.update(func() { e.suspended.delivery = e.queue.Suspended() })
}

// DeliverNow makes what is queued for the domain, "" for everything, due at once. Addresses that could not be reached lately
// are no worse than others then.
func (e *Engine) DeliverNow(domain string) {
	e.deliver.Retry()
	e.queue.DeliverNow(domain)
}

// Hosts returns all destinations that the queue knows, by name.
func (e *Engine) Hosts() []HostSummary { return e.queue.Hosts() }

// Host returns all that is known of one destination; false if it was never heard of.
func (e *Engine) Host(name string) (HostStatus, bool) { return e.queue.Host(name) }

// Recipients calls do for every chosen recipient that waits, in the order of MID and RID, until do fails or ctx ends.
func (e *Engine) Recipients(ctx context.Context, f Filter, do func(RecipientInfo) error) error {
	return e.queue.Recipients(ctx, f, do)
}

// Delete takes the chosen recipients out of the queue, but for those whose delivery is under way.
func (e *Engine) Delete(ctx context.Context, f Filter, p Progress) (Changed, error) {
	return e.queue.Delete(ctx, f, p)
}

// Bounce gives the chosen recipients up and tells their senders, but for those whose delivery is under way.
func (e *Engine) Bounce(ctx context.Context, f Filter, p Progress) (Changed, error) {
	return e.queue.Bounce(ctx, f, p)
}

// Redirect sends what is queued now to another machine, but for what is under way.
func (e *Engine) Redirect(ctx context.Context, to config.Hop, p Progress) (Changed, error) {
	return e.queue.Redirect(ctx, to, p)
}

// Message returns one queued message; ErrNoMessage where there is none.
func (e *Engine) Message(ctx context.Context, mid uint64) (MessageInfo, error) {
	return e.queue.Message(ctx, mid)
}

// Content opens a message as it will be sent, with CRLF line ends; ErrNoMessage where there is none.
func (e *Engine) Content(mid uint64) (io.ReadCloser, error) { return e.spool.Open(mid) }

// OldestMessage returns the message that waits longest and when it was received; 0 where none waits.
func (e *Engine) OldestMessage() (mid uint64, received time.Time) { return e.queue.Oldest() }

// Resolver asks the nameservers of the configuration in force.
func (e *Engine) Resolver() dns.Resolver { return resolver{e} }

// dialLimit bounds a connection that an operator asks for.
const dialLimit = 30 * time.Second

// Dial connects from the interface, or from the delivery interface where from is empty.
func (e *Engine) Dial(ctx context.Context, from string, to netip.AddrPort) (io.ReadWriteCloser, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conf := e.config()
	if from == "" {
		from = conf.Delivery.Interface
	}
	if from != "" {
		local, err := source(conf, from)
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = local
	}
	return dialer.DialContext(ctx, "tcp", to.String())
}

// source is the address that an interface sends from; nil where it stands for every address.
func source(conf *config.Config, iface string) (net.Addr, error) {
	i := conf.Interfaces[iface]
	if i == nil {
		return nil, fmt.Errorf("no interface %q", iface)
	}
	addr, err := netip.ParseAddr(i.Address)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", iface, err)
	}
	if addr.IsUnspecified() {
		return nil, nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)), nil
}
