package outbound

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"posthouse/mta/maillog"
)

const (
	mostKept = 100             // connections that wait for another trip
	keepFor  = 2 * time.Second // how long one waits; a peer hardly minds that
)

// keeper holds connections whose trip is over, for the next trip that leads the same way. Whoever takes one has to find out
// whether its own mail may go there; see share.go.
type keeper struct {
	idle time.Duration // how long one waits
	log  *maillog.Log
	wake chan struct{} // there is something to wait for
	bye  sync.WaitGroup

	mu   sync.Mutex // guards what follows
	open bool       // Run is there to close what is kept
	list []*kept    // the one that has waited longest first
}

// kept is a connection that nobody uses.
type kept struct {
	*connection
	domain string // that used it last
	until  time.Time
}

func newKeeper(log *maillog.Log) *keeper {
	return &keeper{idle: keepFor, log: log, wake: make(chan struct{}, 1)}
}

// Run closes kept connections in time, and every one of them when ctx ends; it returns when the last has said goodbye.
// Without it none is kept.
func (d *Deliverer) Run(ctx context.Context) error {
	k := d.keeper
	k.mu.Lock()
	k.open = true
	k.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if next := k.expire(time.Now()); next > 0 {
			timer.Reset(next)
		}
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
		}
	}
	k.mu.Lock()
	k.open = false
	k.dismiss(func(*kept) bool { return true })
	k.mu.Unlock()
	k.bye.Wait()
	return nil
}

// expire closes what has waited too long, and returns when to look again; 0 if nothing is left.
func (k *keeper) expire(now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dismiss(func(c *kept) bool { return !now.Before(c.until) })
	if len(k.list) == 0 {
		return 0
	}
	return k.list[0].until.Sub(now)
}

// dismiss closes the chosen connections. k.mu is held, and Run is there to wait for the goodbyes.
func (k *keeper) dismiss(chosen func(*kept) bool) {
	k.list = slices.DeleteFunc(k.list, func(c *kept) bool {
		if !chosen(c) {
			return false
		}
		k.bye.Go(func() { goodbye(k.log, c.connection) })
		return true
	})
}

// keep takes a connection that a domain's mail does not need any more. It returns false where the caller has to close it.
func (k *keeper) keep(c *connection, domain string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.open || !c.LetGo() {
		return false
	}
	if len(k.list) >= mostKept {
		oldest := k.list[0]
		k.dismiss(func(c *kept) bool { return c == oldest })
	}
	k.list = append(k.list, &kept{connection: c, domain: domain, until: time.Now().Add(k.idle)})
	if len(k.list) == 1 {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// leading are the connections that lead the same way: those that the domain itself used last, and the latest, first.
func (k *keeper) leading(way hop, domain string) (list []*kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	own := 0
	for _, c := range slices.Backward(k.list) {
		switch {
		case c.hop != way:
		case c.domain == domain:
			list = slices.Insert(list, own, c)
			own++
		default:
			list = append(list, c)
		}
	}
	return list
}

// claim takes a connection out; false if somebody else was faster.
func (k *keeper) claim(c *kept) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.Index(k.list, c)
	if i >= 0 {
		k.list = slices.Delete(k.list, i, i+1)
	}
	return i >= 0
}

// makeRoom closes one of the connections that the domain used last, as it is about to have another: all of them together
// are never more than its limit. Best is one that leads the same way, where the limit may hold for each address.
func (k *keeper) makeRoom(way hop, domain string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found *kept
	for _, c := range k.list {
		if c.domain == domain && (found == nil || c.hop == way) {
			found = c
		}
	}
	if found != nil {
		k.dismiss(func(c *kept) bool { return c == found })
	}
}

// yield closes the connections to an address that wants no further one, and returns whether there were any.
func (k *keeper) yield(addr netip.AddrPort) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := len(k.list)
	k.dismiss(func(c *kept) bool { return c.hop.to == addr })
	return len(k.list) < before
}

// CloseKept closes the connections that wait for further mail and were used last by the chosen destinations.
func (d *Deliverer) CloseKept(chosen func(destination string) bool) {
	d.keeper.mu.Lock()
	defer d.keeper.mu.Unlock()
	if d.keeper.open {
		d.keeper.dismiss(func(c *kept) bool { return chosen(c.domain) })
	}
}

// goodbye closes a connection, politely where the peer still listens.
func goodbye(log *maillog.Log, c *connection) {
	if c.usable() {
		c.Quit()
	} else {
		c.Close()
	}
	c.unheard()
	if log != nil {
		log.ConnectionOutClosed(c.record.DCID)
	}
}

// quiet says that the peer has neither closed the connection nor said anything on it. Whatever an idle connection has to
// say is no good news, and what it says under TLS cannot be told from the end of it.
func (c *connection) quiet() bool {
	raw, ok := c.raw.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	err = control.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		silent = err == unix.EAGAIN
	})
	return err == nil && silent
}
