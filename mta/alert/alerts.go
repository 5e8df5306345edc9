package alert

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

	"posthouse/config"
	"posthouse/mta/maillog"
)

const (
	waiting   = 256              // alerts that may be raised before Run comes to them
	kept      = 500              // entries
	collected = 200              // alerts that may wait for the next digest, or for a queue that takes mail again
	again     = time.Minute      // until mail that could not be queued is tried again
	sendLimit = 30 * time.Second // for queueing one message
	saveEvery = time.Second      // the least time between two writes of the file
)

// Options are what Alerts work with. All but Log are needed.
type Options struct {
	Config func() *config.Config // the configuration in force
	Dir    string                // holds alerts.json
	// Send queues a message. From is the envelope's sender: empty where nobody reads what comes back.
	Send func(ctx context.Context, from string, to []string, message []byte) error
	Log  *maillog.System // told of what could not be sent or kept; nil: nobody
}

// Alerts is the appliance's alerts. Its methods may be called at the same time.
type Alerts struct {
	opt     Options
	path    string
	raised  chan Alert
	dropped atomic.Int64 // since Run last said so

	mu    sync.Mutex // guards everything below
	state state
	dirty bool
}

// New reads what was kept. A damaged file is put aside, and alerts begin anew.
func New(opt Options) (*Alerts, error) {
	a := &Alerts{opt: opt, path: filepath.Join(opt.Dir, "alerts.json"), raised: make(chan Alert, waiting)}
	if err := a.load(); err != nil {
		return nil, err
	}
	return a, nil
}

// Raise takes an alert and returns at once. With too many at a time some are lost, and that is said.
func (a *Alerts) Raise(alert Alert) {
	if alert.Own {
		alert.Key = "own " + alert.Key // must not hold back what others are to be told of
	}
	select {
	case a.raised <- alert:
	default:
		a.dropped.Add(1)
	}
}

// Last returns the last n alerts, the newest first.
func (a *Alerts) Last(n int) []Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.Clone(a.state.Entries[max(len(a.state.Entries)-max(n, 0), 0):])
	slices.Reverse(list)
	return list
}

// Run sends what is raised until ctx ends. What was raised before then is kept, and mailed after the next start.
func (a *Alerts) Run(ctx context.Context) error {
	digest, save := stopped(), stopped()
	defer digest.Stop()
	defer save.Stop()
	saving := false
	for {
		a.schedule(digest)
		if !saving && a.unsaved() {
			save.Reset(saveEvery)
			saving = true
		}
		select {
		case <-ctx.Done():
			return a.finish()
		case alert := <-a.raised:
			a.take(ctx, alert)
			a.sayDropped(ctx)
		case <-digest.C:
			a.flush(ctx)
		case <-save.C:
			saving = false
			a.say(a.save())
		}
	}
}

// stopped is a timer that does not run yet.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// schedule sets the timer to when what is collected is due.
func (a *Alerts) schedule(t *time.Timer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.state.Pending) == 0 {
		t.Stop()
		return
	}
	t.Reset(max(time.Until(a.state.Due), 0))
}

// finish keeps what was raised and not yet seen to.
func (a *Alerts) finish() error {
	for {
		select {
		case alert := <-a.raised:
			if e, due := a.admit(alert); due {
				a.collect(e, 0)
			}
			continue
		default:
		}
		err := a.save()
		a.say(err)
		return err
	}
}

// say writes a fault of our own into system_logs.
func (a *Alerts) say(err error) {
	if err != nil && a.opt.Log != nil {
		a.opt.Log.Problem(err.Error())
	}
}

// sayDropped makes an alert of those that were lost.
func (a *Alerts) sayDropped(ctx context.Context) {
	n := a.dropped.Swap(0)
	if n == 0 {
		return
	}
	text := fmt.Sprintf("Alerts came faster than they could be sent: %d are lost.", n)
	a.say(errors.New(text))
	a.take(ctx, Problem(Warning, "alerts lost", text, text+"\nmail_logs and system_logs say what happened."))
}

// take keeps an alert, and mails it unless it is a duplicate or waits for the digest. A critical one never waits.
func (a *Alerts) take(ctx context.Context, alert Alert) {
	e, due := a.admit(alert)
	if !due {
		return
	}
	if minutes := a.opt.Config().Alerts.Digest; minutes > 0 && alert.Severity != Critical {
		a.collect(e, time.Duration(minutes)*time.Minute)
		return
	}
	a.mail(ctx, []notice{e})
}

// admit keeps an alert and says whether it is to be mailed. A duplicate that is held back is counted with the first.
func (a *Alerts) admit(alert Alert) (notice, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.dirty = true
	c := a.opt.Config().Alerts
	held, due := a.state.admit(alert, now, time.Duration(c.InitialWait)*time.Second, time.Duration(c.MaxWait)*time.Second)
	if !due {
		a.state.repeat(alert.Key, now)
		return notice{}, false
	}
	a.state.keep(Entry{At: now, Alert: alert})
	return notice{Alert: alert, At: now, Held: held}, !alert.Own
}

// collect puts a notice to those that wait; they are sent together when the first has waited so long.
func (a *Alerts) collect(n notice, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dirty = true
	if len(a.state.Pending) == 0 {
		a.state.Due = time.Now().Add(wait)
	}
	if len(a.state.Pending) == collected {
		a.state.Pending = a.state.Pending[1:]
		a.dropped.Add(1)
	}
	a.state.Pending = append(a.state.Pending, n)
}

// flush mails what was collected.
func (a *Alerts) flush(ctx context.Context) {
	a.mu.Lock()
	list := a.state.Pending
	a.state.Pending, a.dirty = nil, true
	a.mu.Unlock()
	a.mail(ctx, list)
}

// mail sends each recipient one message with the notices that concern him. What cannot be queued is tried again.
func (a *Alerts) mail(ctx context.Context, list []notice) {
	c := a.opt.Config()
	for _, g := range groups(c, list) {
		ctx, cancel := context.WithTimeout(ctx, sendLimit)
		err := a.opt.Send(ctx, c.Alerts.From, g.to, compose(c, g, time.Now()))
		cancel()
		if err == nil {
			a.mailed(g)
			continue
		}
		a.say(fmt.Errorf("queueing an alert to %s: %w", strings.Join(g.to, ", "), err))
		for _, n := range g.notices {
			n.To = append([]string(nil), g.to...)
			a.collect(n, again)
		}
	}
}

// mailed notes whom the entries of a group went to.
func (a *Alerts) mailed(g group) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dirty = true
	for _, n := range g.notices {
		for i := range a.state.Entries {
			if e := &a.state.Entries[i]; e.Key == n.Key && e.At.Equal(n.At) {
				e.Mailed = append(slices.Clone(e.Mailed), g.to...)
			}
		}
	}
}
