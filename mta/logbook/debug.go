package logbook

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
)

// debug is one debug log: on until so many conversations have been written or so much time has passed.
type debug struct {
	sub     *config.Subscription
	log     *eventlog.Log
	network netip.Prefix // of peers; invalid: by name
	name    string       // of peers, or the domain

	mu    sync.Mutex
	left  int       // conversations still to be written
	open  int       // conversations under way
	until time.Time // zero: no such limit
	off   bool
}

func newDebug(sub *config.Subscription, log *eventlog.Log, now time.Time) *debug {
	d := &debug{sub: sub, log: log, name: sub.Peer}
	if sub.Type == config.InjectionDebugLogs {
		d.network, d.name, _ = config.ParsePeer(sub.Peer) // was validated
	}
	d.start(now)
	return d
}

// start switches the log on, anew.
func (d *debug) start(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.until, d.off = d.sub.Sessions, time.Time{}, false
	if d.sub.Minutes > 0 {
		d.until = now.Add(time.Duration(d.sub.Minutes) * time.Minute)
	}
}

// on says whether conversations are written; mu is held.
func (d *debug) on(now time.Time) bool {
	if !d.off && !d.until.IsZero() && !now.Before(d.until) {
		d.switchOff("the minutes are over")
	}
	return !d.off
}

// switchOff says in the log itself that nothing follows: whoever tails it would wait. mu is held.
func (d *debug) switchOff(why string) {
	d.off = true
	d.log.Line(eventlog.Info, "This log is off now: "+why+"; logconfig start switches it on again")
}

// take begins a conversation if one more is wanted. on is false when the log is off.
func (d *debug) take(now time.Time) (taken, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on(now) {
		return false, false
	}
	if d.sub.Sessions > 0 {
		if d.left == 0 {
			return false, true
		}
		d.left--
	}
	d.open++
	return true, true
}

// ended is told of a conversation's end.
func (d *debug) ended() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.sub.Sessions > 0 && d.left == 0 && d.open == 0 {
		d.switchOff("the sessions are written")
	}
}

// state is how the log stands, in a word or some.
func (d *debug) state(now time.Time) (on bool, words string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on(now) {
		return false, "off"
	}
	var limits []string
	if d.sub.Sessions > 0 {
		limits = append(limits, fmt.Sprintf("%d of %d sessions left", d.left, d.sub.Sessions))
	}
	if !d.until.IsZero() {
		limits = append(limits, "until "+d.until.Format("15:04:05"))
	}
	return true, "on, " + strings.Join(limits, ", ")
}

// wantsPeer says whether the log is about a peer. Its name counts only where it is known to be the peer's.
func (d *debug) wantsPeer(remote netip.Addr, name string) bool {
	if d.sub.Type != config.InjectionDebugLogs {
		return false
	}
	if d.network.IsValid() {
		return d.network.Contains(remote.Unmap().WithZone(""))
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name != "" && (name == d.name || strings.HasPrefix(d.name, ".") && strings.HasSuffix(name, d.name))
}

// wantsDomain says whether the log is about mail for a domain.
func (d *debug) wantsDomain(domain string) bool {
	return d.sub.Type == config.DomainDebugLogs && strings.EqualFold(domain, d.name)
}

// Injection begins to write the conversation with a peer, if a debug log is about it; nil: none is, and nothing was done.
// What is returned is called when the conversation is over.
func (b *Book) Injection(icid uint64, remote netip.Addr, name string) (*Conversation, func()) {
	d := b.wanted(func(d *debug) bool { return d.wantsPeer(remote, name) })
	if d == nil {
		return nil, nil
	}
	host := name
	if host == "" {
		host = "unknown"
	}
	c := &Conversation{debug: d, id: fmt.Sprintf("ICID %d", icid), other: "'" + remote.String() + "'", serve: true}
	c.note(fmt.Sprintf("address %s reverse dns host %s", remote, eventlog.Escape(host)))
	return c, b.ending(c)
}

// Delivery begins to write the conversation with a host about mail for a domain, likewise.
func (b *Book) Delivery(dcid uint64, domain, host string) (*Conversation, func()) {
	d := b.wanted(func(d *debug) bool { return d.wantsDomain(domain) })
	if d == nil {
		return nil, nil
	}
	c := &Conversation{debug: d, id: fmt.Sprintf("DCID %d", dcid)}
	c.note(fmt.Sprintf("domain %s host %s", eventlog.Escape(domain), eventlog.Escape(host)))
	return c, b.ending(c)
}

// ending is what is done at a conversation's end.
func (b *Book) ending(c *Conversation) func() {
	return func() {
		c.note("close")
		c.debug.ended()
		b.watchers()
	}
}

// wanted finds a debug log that is on and takes a conversation.
func (b *Book) wanted(fits func(*debug) bool) *debug {
	on := b.debugging.Load()
	if on == nil {
		return nil
	}
	expired := false
	defer func() {
		if expired {
			b.watchers()
		}
	}()
	for _, d := range *on {
		if !fits(d) {
			continue
		}
		taken, on := d.take(b.opts.Now())
		if taken {
			return d
		}
		expired = expired || !on
	}
	return nil
}

// watchers keeps the list of debug logs that are on: with none, a conversation costs one look at a pointer.
func (b *Book) watchers() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watch()
}

// watch is watchers; mu is held.
func (b *Book) watch() {
	var on []*debug
	for _, e := range b.entries {
		if e.debug != nil {
			if is, _ := e.debug.state(b.opts.Now()); is {
				on = append(on, e.debug)
			}
		}
	}
	if len(on) == 0 {
		b.debugging.Store(nil)
		return
	}
	b.debugging.Store(&on)
}
