package outbound

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/mtasts"
	"posthouse/mta/queue"
	"posthouse/mta/tlspolicy"
)

// audience is told how a journey fares; *queue.Trip is one.
type audience interface {
	Attempted(dcid uint64) // a connection is tried
	Connected(dcid uint64)
	Disconnected()
	Routed(queue.Routing)
}

// nobody listens.
type nobody struct{}

func (nobody) Attempted(uint64)     {}
func (nobody) Connected(uint64)     {}
func (nobody) Disconnected()        {}
func (nobody) Routed(queue.Routing) {}

// journey is the way from a domain to a connection that is ready for mail with certain demands. A delivery and a
// verification by hand go the same way; they differ in who is told, and in what is done at the end.
type journey struct {
	d           *Deliverer
	world       World
	destination string      // as the queue has it
	domain      string      // of that name, or the machine
	machine     *config.Hop // where an operator sent the mail, whatever its domain is; nil: the domain says where it goes
	dest        config.Destination
	control     tlspolicy.Control
	demands     demands

	audience audience
	log      *maillog.Log // nil: a verification leaves no trace in mail_logs
	observe  func(*tlspolicy.Record)
	progress func(Event)     // nil: nobody waits for it
	fetch    tlspolicy.Fetch // of issuers that a peer did not send; nil: they are not looked for
	// tellApart finds out more about a failed handshake, corrects its cause and says what was seen; nil: nobody waits for that.
	tellApart func(ctx context.Context, c *connection, o *tlspolicy.Outcome) string
	byHand    bool                                          // a verification: no limits, and what the DNS does not know is observed too
	weigh     func(tlspolicy.Facts) tlspolicy.Wanted        // tlspolicy.Weigh, but for a verification
	use       func(ctx context.Context, c *connection) bool // what is done with a connection that is ready; false: the next host

	addresses []queue.PreferenceList
	expires   time.Time
	policy    *mtasts.Policy // nil: not asked for yet
	lookups   []tlspolicy.Step
	late      []place  // what is tried last
	told      cause.ID // the latest that was told of a host that was not connected to
	tried     int      // addresses
	last      *tlspolicy.Record
	worst     *queue.Failure // the latest failure; one that may pass outweighs one that is certain
	barred    bool           // some host may be reached, and its TLS is not what is wanted
	busy      bool           // an address was left out because its limit is reached
	turned    bool           // away: some host wants no connection, or not another one
	apart     *queue.Task    // for which the connection was given up
}

// place is one address of a host.
type place struct {
	at   *stop
	addr netip.Addr
}

func (d *Deliverer) newJourney(destination string, dem demands) *journey {
	return d.journeyIn(d.opt.World(), destination, dem)
}

func (d *Deliverer) journeyIn(w World, destination string, dem demands) *journey {
	domain, machine := destination, (*config.Hop)(nil)
	if hop, ok := config.ParseRedirected(destination); ok {
		machine, domain = &hop, hop.Machine()
	}
	dest, _ := w.Config.Destination(domain)
	return &journey{
		d: d, world: w, destination: destination, domain: domain, machine: machine, dest: dest, control: tlspolicy.ControlFor(w.Config, domain), demands: dem,
		audience: nobody{}, weigh: tlspolicy.Weigh,
	}
}

// tryHosts goes through the hosts until one has taken over, and returns whether one did. What could not be reached lately
// has its turn when nothing else is left.
func (j *journey) tryHosts(ctx context.Context, found *way) bool {
	for _, h := range found.hosts {
		if j.tryHost(ctx, found, h) {
			return true
		}
	}
	for _, late := range j.late {
		if j.tryNext(ctx, late.at, late.addr) {
			return true
		}
	}
	return false
}

// tryHost goes through a host's addresses. What can be said of the host before a connection is looked up first: it may
// be that it must not be used.
func (j *journey) tryHost(ctx context.Context, found *way, h host) bool {
	list, ttl, err := j.d.addresses(ctx, j.world, h, j.dest.IPSort)
	if err != nil {
		j.unknown(ctx, h, noAddress(h, err))
		return false
	}
	j.routed(found, h, list, ttl)
	list = deliverySource(j.world.Config).reaches(list)
	if len(list) == 0 {
		j.unknown(ctx, h, noAddressOfFamily(h, j.dest.IPSort))
		return false
	}
	at := &stop{host: h, list: list, facts: j.facts(ctx, h)}
	if ctx.Err() != nil {
		return false
	}
	if at.wanted = j.weigh(at.facts); at.wanted.Blocked != "" {
		j.blocked(at)
		return false
	}
	for _, addr := range list {
		if !j.byHand && j.d.outages.lately(netip.AddrPortFrom(addr, uint16(h.port)), time.Now()) {
			j.late = append(j.late, place{at, addr})
			continue
		}
		if j.tryNext(ctx, at, addr) {
			return true
		}
	}
	return false
}

// tryNext tries one address more, unless that is too much for one journey.
func (j *journey) tryNext(ctx context.Context, at *stop, addr netip.Addr) bool {
	if ctx.Err() != nil || j.tried >= maxAddresses {
		return false
	}
	j.tried++
	return j.tryAddress(ctx, at, addr)
}

// unknown is a host without an address.
func (j *journey) unknown(ctx context.Context, h host, f *queue.Failure) {
	if ctx.Err() != nil {
		return
	}
	j.remember(f)
	if !j.byHand {
		return
	}
	j.lookupFailed(tlspolicy.StepAddress, h, f)
}

// lookupFailed hands on the record of a lookup that ended the way.
func (j *journey) lookupFailed(name tlspolicy.StepName, h host, f *queue.Failure) {
	facts := tlspolicy.Facts{Domain: j.domain, Host: h.name, Routed: h.routed, MXSecure: h.secure, Control: j.control}
	r := &tlspolicy.Record{At: time.Now(), Steps: slices.Clone(j.lookups), Facts: facts, Wanted: j.weigh(facts)}
	j.step(r, name, f.Cause, f.Text())
	j.finish(r, tlspolicy.Outcome{Cause: f.Cause}, tlspolicy.Action{Do: tlspolicy.NextHost, First: f.Cause})
}

// blocked is a host that must not be used, whatever it offers.
func (j *journey) blocked(at *stop) {
	id := at.wanted.Blocked
	if j.told != id {
		j.told = id
		j.tellCause(0, id)
	}
	j.bar(blockedFailure(at))
	r := j.record(at, netip.Addr{}, 0)
	if i := slices.IndexFunc(r.Steps, func(s tlspolicy.Step) bool { return s.Cause == id }); i >= 0 && j.progress != nil {
		j.progress(Event{Record: r, Step: r.Steps[i]})
	}
	j.finish(r, tlspolicy.Outcome{}, tlspolicy.Decide(at.wanted, tlspolicy.Outcome{}))
}

// remember keeps a failure for the case that no host is better. What may pass outweighs what is certain: as long as
// one host might take the mail later, it waits.
func (j *journey) remember(f *queue.Failure) {
	if j.worst == nil || temporary(f) || !temporary(j.worst) {
		j.worst = f
	}
}

// bar remembers a failure that lies in what this mail wants of TLS: mail with other wishes may fare better there.
func (j *journey) bar(f *queue.Failure) {
	j.barred = true
	j.remember(f)
}

func temporary(f *queue.Failure) bool { return f.Class[0] == '4' }

// routed tells the queue where the mail goes, as far as it has been looked up.
func (j *journey) routed(found *way, h host, list []netip.Addr, ttl time.Duration) {
	texts := addressTexts(list)
	if n := len(j.addresses); n > 0 && j.addresses[n-1].Preference == h.preference {
		j.addresses[n-1].Addresses = append(j.addresses[n-1].Addresses, texts...)
	} else {
		j.addresses = append(j.addresses, queue.PreferenceList{Preference: h.preference, Addresses: texts})
	}
	if end := time.Now().Add(ttl); j.expires.IsZero() || end.Before(j.expires) {
		j.expires = end
	}
	known := make([]queue.PreferenceList, len(j.addresses))
	for i, p := range j.addresses {
		known[i] = queue.PreferenceList{Preference: p.Preference, Addresses: append([]string(nil), p.Addresses...)}
	}
	j.audience.Routed(queue.Routing{MX: found.mx, Addresses: known, Expires: j.expires})
}

func addressTexts(list []netip.Addr) []string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return texts
}

// joinedAddresses is addresses on one line.
func joinedAddresses(list []netip.Addr) string { return strings.Join(addressTexts(list), ", ") }
