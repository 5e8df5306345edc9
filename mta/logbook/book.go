// Package logbook owns the log subscriptions of the running configuration: it opens them, has lines of one type go to every
// log of that type, pushes them to syslog servers, rolls files over by the clock, writes the logs that nobody else does
// (status, bounces, debug logs, consolidated events), and changes all that with a commit. What a line of mail_logs says is
// mta/maillog's; files are internal/eventlog's. mta, commands and main import it.
package logbook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
	"posthouse/internal/syslog"
	"posthouse/mta/tlspolicy"
)

// Options of Open. Dir must be given.
type Options struct {
	Dir      string // the folder of all logs
	Version  string // of the appliance, for the head of each file
	Serial   string // of the appliance, for the head of each file
	Hostname string // of the configuration
	Logs     config.Logs
	Now      func() time.Time // nil: time.Now
}

// Book is the open logs. Its methods may be called from many goroutines at once.
type Book struct {
	opts      Options
	readers   *eventlog.Readers
	debugging atomic.Pointer[[]*debug]          // those that are on; nil: none
	status    atomic.Pointer[func() string]     // the line of Status Logs
	tell      atomic.Pointer[func(text string)] // for system_logs
	trust     atomic.Pointer[func() *tlspolicy.Trust]
	trusted   chan struct{} // closed when trust is known

	stop    context.CancelFunc
	work    sync.WaitGroup // the goroutines
	changed chan struct{}  // holds one token: the configuration is another, for the clock
	asked   chan struct{}  // likewise, for Status Logs

	mu       sync.Mutex // guards what follows; held for no longer than it takes to look or to swap
	conf     config.Logs
	hostname string
	entries  []*entry // in the order in which they are listed
	events   *events  // nil: there is no log of Consolidated Event Logs
}

// entry is one open log.
type entry struct {
	name   string
	sub    *config.Subscription
	log    *eventlog.Log
	pusher *syslog.Pusher // nil: Manual Download
	pushed pushedAs
	debug  *debug // nil: not a debug log
}

// Open opens the logs of a configuration. The caller closes the Book.
func Open(opts Options) (*Book, error) {
	if opts.Now == nil {
		opts.Now = localtime.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Book{opts: opts, readers: eventlog.NewReaders(), stop: stop, trusted: make(chan struct{}), changed: make(chan struct{}, 1), asked: make(chan struct{}, 1), conf: opts.Logs, hostname: opts.Hostname}
	for name, sub := range opts.Logs.All() {
		e, err := b.open(name, sub, &opts.Logs)
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		b.entries = append(b.entries, e)
	}
	b.arrange()
	for _, e := range b.entries {
		b.push(e, &opts.Logs, opts.Hostname)
	}
	b.watchers()
	b.followEvents()
	b.work.Go(func() { b.keepTime(ctx) })
	b.work.Go(func() { b.writeStatus(ctx) })
	return b, nil
}

// open opens one log.
func (b *Book) open(name string, sub *config.Subscription, conf *config.Logs) (*entry, error) {
	size, files := conf.Limits(sub)
	l, err := eventlog.Open(eventlog.Options{
		Dir: b.opts.Dir, Name: name, File: sub.File, Type: sub.Type.Title(), Version: b.opts.Version, Serial: b.opts.Serial,
		Raw: sub.Type == config.DeliveryLogs, Level: levelOf(sub), MaxSize: size, MaxFiles: files, Readers: b.readers,
	})
	if err != nil {
		return nil, err
	}
	e := &entry{name: name, sub: sub, log: l}
	if sub.Type.Debugs() {
		e.debug = newDebug(sub, l, b.opts.Now())
	}
	return e, nil
}

// levelOf is the threshold that a subscription says.
func levelOf(sub *config.Subscription) eventlog.Level {
	i := slices.Index(config.LogLevels[:], sub.Level)
	if i < 0 {
		return eventlog.Info
	}
	return eventlog.Level(i + 1)
}

// arrange puts the entries in order and has each log that every appliance has hand its lines on to the others of its type.
// mu is held, or nobody else knows the Book.
func (b *Book) arrange() {
	slices.SortFunc(b.entries, func(x, y *entry) int { return config.CompareLogs(x.name, y.name) })
	for _, first := range b.entries {
		if config.FirstLog(first.name) == nil {
			continue
		}
		var others []*eventlog.Log
		for _, e := range b.entries {
			if e != first && e.sub.Type == first.sub.Type {
				others = append(others, e.log)
			}
		}
		first.log.SetAlso(others)
	}
}

// Log is the log of a name that every appliance has. It is the same one as long as the Book is open.
func (b *Book) Log(name string) *eventlog.Log {
	if e := b.find(name); e != nil {
		return e.log
	}
	panic("no log " + name)
}

func (b *Book) find(name string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.entries, func(e *entry) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return b.entries[i]
}

// Current are the logs of the running configuration, in the order in which they are listed.
func (b *Book) Current() []*eventlog.Log {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*eventlog.Log, len(b.entries))
	for i, e := range b.entries {
		list[i] = e.log
	}
	return list
}

// Status is how a subscription that is in force stands.
type Status struct {
	Subscription config.Subscription
	Push         *syslog.Status // nil: Manual Download
	Debug        string         // "off", or "on" and for how long; empty where it is not a debug log
	On           bool           // conversations are written
}

// Status is how the subscription of that name stands; false where there is none in force.
func (b *Book) Status(name string) (Status, bool) {
	e := b.find(name)
	if e == nil {
		return Status{}, false
	}
	b.mu.Lock()
	s := Status{Subscription: *e.sub}
	pusher, debug := e.pusher, e.debug
	b.mu.Unlock()
	if pusher != nil {
		push := pusher.Status()
		push.Fault = strings.ReplaceAll(push.Fault, "\n", " ")
		s.Push = &push
	}
	if debug != nil {
		s.On, s.Debug = debug.state(b.opts.Now())
	}
	return s, true
}

// ErrNoDebug says that there is no debug log of that name in force.
var ErrNoDebug = errors.New("no such debug log")

// Start switches a debug log on again, for as many sessions and minutes as at first.
func (b *Book) Start(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if e.name == name && e.debug != nil {
			e.debug.start(b.opts.Now())
			b.watch()
			return nil
		}
	}
	return fmt.Errorf("%w: %q", ErrNoDebug, name)
}

// Headers are the header fields that the line Message done ends with.
func (b *Book) Headers() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conf.Headers
}

// SetStatus tells what the line of Status Logs is made by. The first one is written at once.
func (b *Book) SetStatus(line func() string) {
	b.status.Store(&line)
	b.noticeStatus()
}

// Tell says who is told in one line of what the operator should look at.
func (b *Book) Tell(tell func(text string)) { b.tell.Store(&tell) }

// Trust says by what syslog servers are verified. It is called once.
func (b *Book) Trust(trust func() *tlspolicy.Trust) {
	b.trust.Store(&trust)
	close(b.trusted)
}

func (b *Book) problem(text string) {
	if tell := b.tell.Load(); tell != nil {
		(*tell)(text)
	}
}

// notice wakes the goroutine that keeps the time, noticeStatus the one of Status Logs.
func (b *Book) notice()       { wake(b.changed) }
func (b *Book) noticeStatus() { wake(b.asked) }

func wake(who chan<- struct{}) {
	select {
	case who <- struct{}{}:
	default:
	}
}

// Close ends everything and closes the logs: the others must have ended that write to them.
func (b *Book) Close() error {
	b.stop()
	b.work.Wait()
	b.mu.Lock()
	entries, events := b.entries, b.events
	b.entries, b.events = nil, nil
	b.mu.Unlock()
	events.close()
	var faults []error
	for _, e := range entries {
		faults = append(faults, e.log.Close())
	}
	var closing sync.WaitGroup
	for _, e := range entries {
		if e.pusher != nil {
			closing.Go(e.pusher.Close)
		}
	}
	closing.Wait()
	return errors.Join(faults...)
}

// keepTime rolls files over when their hour comes.
func (b *Book) keepTime(ctx context.Context) {
	due := map[string]time.Time{}
	for {
		now := b.opts.Now()
		next := b.rollDue(due, now)
		wait := 24 * time.Hour // should the clock be set, then no longer than this
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		if !pause(ctx, wait, b.changed) {
			return
		}
	}
}

// rollDue rolls over what is due, and returns when the next is. due remembers when each log's turn is.
func (b *Book) rollDue(due map[string]time.Time, now time.Time) (next time.Time) {
	b.mu.Lock()
	entries := slices.Clone(b.entries)
	b.mu.Unlock()
	known := maps.Clone(due)
	clear(due)
	for _, e := range entries {
		rule, err := config.ParseRollover(e.sub.Rollover)
		if err != nil || rule == (config.Rollover{}) {
			continue
		}
		key := e.name + " " + e.sub.Rollover + " " + now.Location().String()
		turn, ok := known[key]
		if ok && !turn.After(now) {
			if err := e.log.Rollover(); err != nil {
				b.problem(err.Error())
			}
			ok = false
		}
		if !ok {
			turn = rule.Next(now)
		}
		due[key] = turn
		if next.IsZero() || turn.Before(next) {
			next = turn
		}
	}
	return next
}
