package acme

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	orderLimit  = 15 * time.Minute // one order with everything in it, the waiting for the DNS included
	adviceLimit = time.Minute      // one question about the time of renewal
	lookLimit   = 30 * time.Second // one look at the TLSA records of a profile's names
	roundLimit  = 24 * time.Hour   // after which everything is looked at again, whatever the schedule says
)

// Run obtains and renews until ctx ends. It returns nil then, with no listener, request or goroutine left behind.
func (m *Manager) Run(ctx context.Context) error {
	defer m.stop()
	for ctx.Err() == nil {
		timer := time.NewTimer(time.Until(m.round(ctx)))
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// stop tells everybody who still waits that nothing comes any more.
func (m *Manager) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	for profile, waiting := range m.asked {
		answer(waiting, ErrStopped)
		delete(m.asked, profile)
	}
}

func answer(waiting []chan error, err error) {
	for _, done := range waiting {
		done <- err // each has room for one
	}
}

// round visits every managed profile, one after the other, and returns when the next visit is due.
func (m *Manager) round(ctx context.Context) time.Time {
	m.mu.Lock()
	s := m.settings
	m.mu.Unlock()
	next := time.Now().Add(roundLimit)
	for i := range s.Profiles {
		if ctx.Err() != nil {
			break
		}
		if at := m.visit(ctx, s, &s.Profiles[i]); at.Before(next) {
			next = at
		}
	}
	m.dismiss(s)
	return next
}

// dismiss answers those who asked for a profile that is not managed any more.
func (m *Manager) dismiss(s *Settings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s != m.settings {
		return // the next round knows
	}
	for profile, waiting := range m.asked {
		if s.managed(profile) == nil {
			answer(waiting, ErrNotManaged)
			delete(m.asked, profile)
		}
	}
}

// visit does what is due for one profile and returns when the next thing is.
func (m *Manager) visit(ctx context.Context, s *Settings, p *Managed) time.Time {
	waiting := m.takeAsked(p.Name)
	progress := m.progressOf(p.Name)
	due := m.plan(ctx, s, p, progress)
	now := time.Now()
	if len(waiting) == 0 && now.Before(progress.notBefore(due)) {
		return soonest(progress, due)
	}
	m.markOrdering(p.Name)
	err := m.attempt(ctx, s, p, progress)
	m.markOrdering("")
	if ctx.Err() == nil {
		m.conclude(p, progress, err)
	} else if err != nil {
		err = ErrStopped
	}
	answer(waiting, err)
	if err == nil {
		return now.Add(time.Second) // the new certificate has a schedule of its own, and Apply may not have said so yet
	}
	return soonest(progress, due)
}

// soonest is when a profile is to be visited next.
func soonest(w *progress, due time.Time) time.Time {
	due = w.notBefore(due)
	for _, at := range []time.Time{w.Look, w.Schedule.Ask} {
		if !at.IsZero() && at.Before(due) {
			due = at
		}
	}
	return due
}

// notBefore is when an order that is due may be tried: not before the end of a back-off, or of the wait for a record.
func (w *progress) notBefore(due time.Time) time.Time {
	for _, at := range []time.Time{w.Retry, w.Hold} {
		if at.After(due) {
			due = at
		}
	}
	return due
}

func (m *Manager) takeAsked(profile string) []chan error {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := m.asked[profile]
	delete(m.asked, profile)
	return waiting
}

func (m *Manager) markOrdering(profile string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ordering = profile
}

// plan brings a profile's schedule up to date and returns when its certificate is to be obtained: the zero time for at
// once.
func (m *Manager) plan(ctx context.Context, s *Settings, p *Managed, w *progress) time.Time {
	if digest := s.digest(p); w.Settings != digest {
		w.Settings, w.Failures, w.Retry, w.Error = digest, 0, time.Time{}, ""
	}
	if p.incomplete() {
		w.Schedule = schedule{}
		return w.firstOrder(p)
	}
	leaf, now := p.Current.Leaf(), time.Now()
	w.Schedule.settle(leaf)
	if !now.Before(w.Schedule.Ask) {
		m.askAdvice(ctx, s, p, w)
	}
	if !now.Before(w.Look) {
		if _, err := m.watch(ctx, p, w); err != nil {
			m.log(p.Name, "%s", oneLine(err))
		}
	}
	m.keep(p.Name, w)
	return w.spaced(p, leaf)
}

// spaced is when a certificate is renewed. One that followed another within hours has to serve for a while first: an
// authority whose window is always over, or a clock that is far ahead, would have one order follow the other.
func (w *progress) spaced(p *Managed, leaf *x509.Certificate) time.Time {
	if w.Obtained != "" || !w.Hasty || !sameNames(w.GotNames, p.Names) {
		return w.Schedule.Renew
	}
	if least := w.Got.Add(leastService(leaf)); w.Schedule.Renew.Before(least) {
		return least
	}
	return w.Schedule.Renew
}

// firstOrder is when the certificate of an incomplete profile is ordered: at once, but not over and over where the
// authority gives other names than those it was asked for.
func (w *progress) firstOrder(p *Managed) time.Time {
	if w.Obtained == "" && sameNames(w.GotNames, p.Names) && !w.Got.IsZero() {
		return w.Got.Add(sameOrder)
	}
	return time.Time{}
}

// askAdvice asks the authority when to renew. Where it does not say, the time chosen before stays (RFC 9773 §4.3.3).
func (m *Manager) askAdvice(ctx context.Context, s *Settings, p *Managed, w *progress) {
	limited, cancel := context.WithTimeout(ctx, adviceLimit)
	defer cancel()
	now := time.Now()
	a, err := m.authority.advice(limited, s, p.Current.Leaf())
	if err != nil && ctx.Err() != nil {
		return // we stop: the next start asks
	}
	if err != nil {
		w.Schedule.Ask = now.Add(askAgainUsual - spread(time.Hour))
		return
	}
	before := w.Schedule.Start
	w.Schedule.follow(p.Current.Leaf(), s.Directory, a, now)
	if !before.IsZero() && !before.Equal(a.start) {
		m.log(p.Name, "the authority moves the renewal to %s%s", stamp(w.Schedule.Renew), explained(a.explanation))
	}
}

func explained(url string) string {
	if url == "" {
		return ""
	}
	return ": " + oneLine(fmt.Errorf("%s", url))
}

// attempt obtains a profile's certificate and puts it in service. A fault of the program costs this attempt only.
func (m *Manager) attempt(ctx context.Context, s *Settings, p *Managed, w *progress) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("internal fault: %v", fault)
			m.log(p.Name, "internal fault: %v", oneLine(fmt.Errorf("%v %s", fault, debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	return m.renew(ctx, s, p, w)
}

// log writes one line about a profile.
func (m *Manager) log(profile, format string, args ...any) {
	m.opt.Log(fmt.Sprintf("ACME: profile \"%s\": ", profile) + fmt.Sprintf(format, args...))
}

// stamp is a time as the lines have it.
func stamp(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 GMT") }
