// Package mta is the mail engine: it starts the parts of the receiving and the delivering journey, prepares and applies
// configurations without dropping a connection that is not concerned, suspends, resumes and reports. It is wiring and
// nothing else: what happens to mail is decided in its subfolders. cmd/posthouse and commands may import it.
package mta

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"golang.org/x/sync/errgroup"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta/alert"
	"posthouse/mta/inbound"
	"posthouse/mta/inhand"
	"posthouse/mta/logbook"
	"posthouse/mta/maillog"
	"posthouse/mta/outbound"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/workqueue"
)

// How long transactions under way may take when the appliance stops; idle peers are told at once.
const (
	sessionGrace  = 10 * time.Second
	deliveryGrace = 10 * time.Second
)

// Options of New. All but the last must be given.
type Options struct {
	Dir    string         // the data folder: spool/ and state/ are the engine's
	Config *config.Config // the running configuration at the start; later ones come by Prepare
	Certs  *certstore.Store
	Log    *maillog.Log
	System *maillog.System
	Bound  func() // told when suspending or resuming has closed or opened ports; nil: nobody

	Secrets    Secrets
	NextKeys   acme.Keys     // keeps keys that are not in service yet
	Deliveries *eventlog.Log // a JSON line a delivery attempt
	Logs       *logbook.Book // the other logs that the engine has something for; nil: there are none
	Version    string
	// Renew puts new content of a certificate profile in force without a commit.
	Renew func(ctx context.Context, profile, id string) error
}

// Secrets are what the configuration refers to; *safefile.Vault is one.
type Secrets interface {
	Get(id string) ([]byte, error)
}

// Engine is the running mail system. Its methods may be called from many goroutines at once.
type Engine struct {
	opt   Options
	began time.Time
	ready chan struct{}

	loaded []uint64 // what the spool held at the start; the queue's until it has loaded, then recover's

	spool      *spool.Spool
	icid, dcid *spool.Sequence
	hand       *inhand.Hand
	suspended  *suspensions
	counters   *counters
	injected   *inbound.Counters
	resolved   *dns.Counters // outlives the resolvers of the configurations
	work       *workqueue.Queue
	queue      *queue.Queue
	deliver    *outbound.Deliverer

	parts
	committed chan struct{}   // holds one token: the certificates in use may be others
	held      []spool.Message // of the spool at the start: TLS reports for us
	death     inhand.Found    // how the last process ended

	patience atomic.Pointer[time.Duration] // what StopWithin said; nil: the usual graces

	live atomic.Pointer[world] // what the configuration in force was made into

	mu        sync.Mutex                   // guards everything below
	serving   context.Context              // nil before Run serves, and once it stops
	listeners map[string]*inbound.Listener // by name; outlive their sockets
	sockets   map[string]*socket           // by the listener's name; none for a suspended one
	lastPort  map[string]int               // by the listener's name: what the system chose for port 0
	sessions  sync.WaitGroup               // goroutines that accept, and those that close removed listeners
}

// New opens what the engine keeps on disk and makes its parts. Close gives it back, also when Run is never called.
func New(opt Options) (*Engine, error) {
	if opt.Bound == nil {
		opt.Bound = func() {}
	}
	e := &Engine{
		opt: opt, began: time.Now(), ready: make(chan struct{}), committed: make(chan struct{}, 1), injected: &inbound.Counters{}, resolved: &dns.Counters{},
		listeners: map[string]*inbound.Listener{}, sockets: map[string]*socket{}, lastPort: map[string]int{},
	}
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if err := e.openParts(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	w, err := e.build(nil, opt.Config)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.live.Store(w)
	e.lists.Apply(w.lists)
	e.acme.Apply(w.managed)
	e.work = workqueue.New(workqueue.Options{
		Spool: e.spool, Log: opt.Log, Next: e.forward, Keep: e.suspended.pause, Paused: e.suspended.work, Fault: e.fault,
	})
	e.deliver = e.deliverer()
	e.queue = queue.New(e.withLogs(queue.Options{
		Config: e.config, Spool: queueSpool{e.spool, e}, Log: opt.Log, Deliverer: e.deliver,
		Bouncer:   &outbound.Bouncer{Config: e.config, Spool: e.spool},
		Way:       func(destination string) string { return outbound.Together(e.config(), destination) },
		Suspended: e.suspended.deliveries(), Grace: func() time.Duration { return e.stopGrace(deliveryGrace) }, Fault: e.fault, Hand: e.hand,
	}))
	return e, nil
}

// open opens the spool and the state. Damaged counters are told and cost the counts only.
func (e *Engine) open() (err error) {
	state := func(name string) string { return filepath.Join(e.opt.Dir, "state", name) }
	if e.spool, err = spool.Open(filepath.Join(e.opt.Dir, "spool"), spool.Options{}); err != nil {
		return err
	}
	if e.icid, err = spool.OpenSequence(state("icid")); err != nil {
		return err
	}
	if e.dcid, err = spool.OpenSequence(state("dcid")); err != nil {
		return err
	}
	if err := e.openHand(state("")); err != nil {
		return err
	}
	if e.suspended, err = openSuspensions(state("suspended.json")); err != nil {
		return err
	}
	if e.counters, err = openCounters(state("counters.json"), e.count); err != nil {
		e.fault("counters", err)
	}
	return nil
}

// config is the configuration in force.
func (e *Engine) config() *config.Config { return e.live.Load().conf }

// fault tells the operator of something that fails on our own side.
func (e *Engine) fault(what string, err error) {
	e.opt.System.Problem(fmt.Sprintf("%s: %v", what, err))
	if e.alerts != nil {
		e.alerts.Raise(alert.Problem(alert.Warning, kindOf(what), "Problem: "+what, err.Error()))
	}
}

// kindOf is a problem without the numbers of the messages that have it: a disk that refuses every one of them is told of
// once.
func kindOf(what string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, what)
}

func (e *Engine) deliverer() *outbound.Deliverer {
	o := outbound.Options{
		World: e.outboundWorld, Spool: e.spool, Log: e.opt.Log, NextDCID: e.dcid.Next, Fault: e.fault,
		Policies: e.policies.Policy, Observe: e.observe, Sent: e.sent,
	}
	if e.opt.Logs != nil {
		o.Tap = e.tapOut
	}
	return outbound.New(o)
}

// outboundWorld is what a delivery that begins now goes by.
func (e *Engine) outboundWorld() outbound.World {
	w := e.live.Load()
	return outbound.World{Config: w.conf, Resolver: w.resolver, Trust: w.trust, Certificates: w.clientCertificates}
}

// Ready is closed when every listener that is not suspended accepts connections.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Run receives and delivers until ctx ends, and stops in order: sockets, sessions, deliveries. An error before Ready
// means that nothing was begun.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.bindAll(); err != nil {
		return err
	}
	group, delivering := errgroup.WithContext(context.WithoutCancel(ctx))
	delivering, stopDelivering := context.WithCancel(delivering)
	defer stopDelivering()
	group.Go(func() error { return e.queue.Run(delivering) })
	group.Go(func() error { return e.deliver.Run(delivering) })
	group.Go(func() error { return e.counters.keep(delivering) })
	group.Go(func() error { return e.attend(delivering, "the work queue", e.work.Run) })
	group.Go(func() error { return e.runParts(delivering) })
	select {
	case <-e.queue.Loaded():
		e.takeHeld()
		group.Go(func() error { e.recover(delivering); return nil })
		e.serveAll(context.WithoutCancel(ctx))
		close(e.ready)
		select {
		case <-ctx.Done():
		case <-delivering.Done():
		}
	case <-ctx.Done(): // a long queue is still being read
	case <-delivering.Done():
	}
	e.stopListeners()
	stopDelivering()
	return errors.Join(group.Wait(), e.counters.save(), e.reports.Flush())
}

// recover closes in mail_logs what a process that died left open. After a death under load that is much to read, and
// nothing waits for it.
func (e *Engine) recover(ctx context.Context) {
	slices.Sort(e.loaded)
	err := e.opt.Log.Recover(ctx, func(mid uint64) bool {
		_, found := slices.BinarySearch(e.loaded, mid)
		return found
	})
	if err != nil && ctx.Err() == nil {
		e.fault("recovering mail_logs", err)
	}
	e.loaded = nil
}

// takeHeld goes on with what the spool held besides mail to deliver, and names what it found damaged.
func (e *Engine) takeHeld() {
	for _, m := range e.held {
		e.takeReport(context.Background(), m)
	}
	e.held = nil
	e.tellDeath()
	for _, problem := range e.spool.Problems() {
		e.opt.System.Problem(problem)
		e.alerts.Raise(alert.Problem(alert.Critical, kindOf(problem), "The spool is damaged: "+problem, problem))
	}
}

// queueSpool is the spool as the queue sees it: without the reports that are for us.
type queueSpool struct {
	*spool.Spool
	e *Engine
}

// Messages is queue.Spool's.
func (q queueSpool) Messages(do func(spool.Message) error) error {
	return q.Spool.Messages(func(m spool.Message) error {
		q.e.loaded = append(q.e.loaded, m.MID)
		if q.e.work.Load(m) {
			return nil
		}
		if q.e.holdsReport(m) {
			q.e.held = append(q.e.held, m)
			return nil
		}
		return do(m)
	})
}

// Close gives the spool and the state back, after Run has returned or if it never ran.
func (e *Engine) Close() error {
	var faults []error
	for _, sequence := range []*spool.Sequence{e.icid, e.dcid} {
		if sequence != nil {
			faults = append(faults, sequence.Close())
		}
	}
	if e.hand != nil {
		faults = append(faults, e.hand.Close())
	}
	if e.spool != nil {
		faults = append(faults, e.spool.Close())
	}
	return errors.Join(faults...)
}

// StopWithin says how long open connections and deliveries under way may take at the end of Run, each; without it 10 s.
func (e *Engine) StopWithin(grace time.Duration) { e.patience.Store(&grace) }

// stopGrace is what something under way gets when the appliance stops.
func (e *Engine) stopGrace(usual time.Duration) time.Duration {
	if said := e.patience.Load(); said != nil {
		return *said
	}
	return usual
}
