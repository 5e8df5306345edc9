package outbound

import (
	"context"
	"net/netip"
	"time"

	"posthouse/config"
	"posthouse/mta/queue"
)

// trip is one trip with what it goes by.
type trip struct {
	*queue.Trip
	d     *Deliverer
	world World
	dest  config.Destination

	addresses []queue.PreferenceList
	expires   time.Time
	tried     int            // addresses
	worst     *queue.Failure // the latest failure; one that may pass outweighs one that is certain
	busy      bool           // an address was left out because its limit is reached
}

// Deliver implements queue.Deliverer: it tries the destination's hosts until one takes mail, sends what there is, and
// settles every task that it was given.
func (d *Deliverer) Deliver(ctx context.Context, t *queue.Trip) {
	w := d.opt.World()
	dest, _ := w.Config.Destination(t.Destination())
	run := &trip{Trip: t, d: d, world: w, dest: dest}
	found, failure := d.findWay(ctx, w, t.Destination())
	if failure != nil {
		run.fail(ctx, failure)
		return
	}
	if found.discard {
		run.discard(ctx)
		return
	}
	if run.tryHosts(ctx, found) {
		return
	}
	run.fail(ctx, run.worst)
}

// tryHosts goes through the hosts until one has taken over, and returns whether one did.
func (t *trip) tryHosts(ctx context.Context, found *way) bool {
	for _, h := range found.hosts {
		list, ttl, err := t.d.addresses(ctx, t.world, h, t.dest.IPSort)
		if err != nil {
			t.remember(noAddress(h, err))
			continue
		}
		t.routed(found, h, list, ttl)
		list = deliverySource(t.world.Config).reaches(list)
		for _, addr := range list {
			if ctx.Err() != nil || t.tried >= maxAddresses {
				return false
			}
			t.tried++
			if t.tryAddress(ctx, h, addr) {
				return true
			}
		}
		if len(list) == 0 {
			t.remember(noAddressOfFamily(h, t.dest.IPSort))
		}
	}
	return false
}

// remember keeps a failure for the case that no host is better. What may pass outweighs what is certain: as long as
// one host might take the mail later, it waits.
func (t *trip) remember(f *queue.Failure) {
	if t.worst == nil || temporary(f) || !temporary(t.worst) {
		t.worst = f
	}
}

func temporary(f *queue.Failure) bool { return f.Class[0] == '4' }

// fail settles the first task when no host took mail. That says nothing where the trip was called off, or where an
// address takes mail over as many connections as it may have.
func (t *trip) fail(ctx context.Context, f *queue.Failure) {
	if ctx.Err() != nil || t.busy {
		t.Settle(t.First, nil)
		return
	}
	if f == nil {
		f = ourFault("no host to deliver to")
	}
	if f.Cause != "" && t.tried == 0 {
		t.d.opt.Log.Cause(0, f.Cause, t.Destination())
	}
	if !temporary(f) {
		// What is certain holds for every message alike: none has to wait for another try.
		t.Settle(t.First, everyone(t.First, queue.Hard, f))
		return
	}
	t.Down(f.Cause, f.Text())
	t.Settle(t.First, everyone(t.First, queue.Soft, f))
}

// discard takes the mail of a route to /dev/null.
func (t *trip) discard(ctx context.Context) {
	t.Up("none, discarded")
	task, ok := t.First, true
	for ok {
		results := everyone(task, queue.Delivered, nil)
		for i := range results {
			results[i].Response = "discarded: /dev/null"
		}
		t.Settle(task, results)
		task, ok = t.Next(ctx)
	}
}

// routed tells the queue where the mail goes, as far as it has been looked up.
func (t *trip) routed(found *way, h host, list []netip.Addr, ttl time.Duration) {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	if n := len(t.addresses); n > 0 && t.addresses[n-1].Preference == h.preference {
		t.addresses[n-1].Addresses = append(t.addresses[n-1].Addresses, texts...)
	} else {
		t.addresses = append(t.addresses, queue.PreferenceList{Preference: h.preference, Addresses: texts})
	}
	if end := time.Now().Add(ttl); t.expires.IsZero() || end.Before(t.expires) {
		t.expires = end
	}
	known := make([]queue.PreferenceList, len(t.addresses))
	for i, p := range t.addresses {
		known[i] = queue.PreferenceList{Preference: p.Preference, Addresses: append([]string(nil), p.Addresses...)}
	}
	t.Routed(queue.Routing{MX: found.mx, Addresses: known, Expires: t.expires})
}
