package queue

import (
	"strings"
	"time"

	"posthouse/config"
)

// Destination is the destination that an address belongs to: its domain in lower case, or its address literal. An
// address without a domain has the empty destination, which the deliverer refuses.
func Destination(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(address[at+1:]), ".")
}

// profile is the bounce profile in force for a message at a destination: the destination's own, else that of the
// listener which took the message, else the default.
func (s *state) profile(h *host, m *message) *config.BounceProfile { return s.profileAt(h, m.profile) }

// hostProfile is the profile for what concerns a destination and no message.
func (s *state) hostProfile(h *host) *config.BounceProfile { return s.profileAt(h, 0) }

// profileAt remembers the latest answer for each destination: the same is asked for a million messages.
func (s *state) profileAt(h *host, index uint16) *config.BounceProfile {
	conf := s.config()
	if k := &h.known; k.conf != conf || k.index != index {
		_, p := Profile(conf, h.name, s.profiles[index])
		*k = knownProfile{conf, index, p}
	}
	return h.known.profile
}

// knownProfile is the answer to a question about a destination's bounce profile.
type knownProfile struct {
	conf    *config.Config
	index   uint16
	profile *config.BounceProfile
}

// Profile returns the bounce profile in force at a destination for a message with this one in its envelope, and its name.
func Profile(conf *config.Config, dest string, own string) (string, *config.BounceProfile) {
	d, entry := conf.Destination(dest)
	names := [...]string{own, d.BounceProfile, config.DefaultBounceProfile}
	if set := conf.Destinations[entry]; entry != config.DefaultDestination && set != nil && set.BounceProfile != "" {
		names[0] = set.BounceProfile
	}
	for _, name := range names {
		if p := conf.Bounces[name]; p != nil {
			return name, p
		}
	}
	return config.DefaultBounceProfile, &config.BounceProfile{
		MaxRetries: 100, MaxQueueTime: 259200, InitialRetry: 60, MaxRetry: 3600, HardBounce: true, DSN: true,
	}
}

// backoff is how long to wait after the nth failure in a row, n from 1: the initial interval, doubled each time up to
// the maximum. chance, 0 to 1, spreads it by a tenth, so that what failed together is not tried together for ever.
func backoff(p *config.BounceProfile, n int, chance float64) time.Duration {
	initial, most := seconds(p.InitialRetry), seconds(p.MaxRetry)
	d := initial
	for i := 1; i < n && d < most; i++ {
		d *= 2
	}
	spread := time.Duration(chance * float64(d) / 10)
	if d+spread <= most {
		return d + spread
	}
	return max(min(d, most)-spread, initial)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// spent says whether a recipient has had all the tries or the time that the profile allows.
func spent(p *config.BounceProfile, received time.Time, attempts int, now time.Time) bool {
	return attempts > p.MaxRetries || now.Sub(received) >= seconds(p.MaxQueueTime)
}

// expiry is when a group is given up even if nothing tries it.
func (s *state) expiry(g *group, p *config.BounceProfile) instant {
	life := seconds(p.MaxQueueTime)
	if g.one.attempts == 0 {
		life = max(life, minLife)
	}
	return g.msg.arrived.add(life)
}

// warnAt is when a group's next delay warning is due; 0 for never.
func (s *state) warnAt(g *group, p *config.BounceProfile) instant {
	if p.DelayWarning && int(g.warned) < p.DelayWarnings && !g.msg.null {
		return g.msg.arrived.add(seconds(p.DelayWarningAfter) * time.Duration(g.warned+1))
	}
	return 0
}

// deadlineOf is when something happens to a group that is not an attempt.
func (s *state) deadlineOf(g *group) instant {
	p := s.profile(g.host, g.msg)
	return earlier(s.expiry(g, p), s.warnAt(g, p))
}

// meetDeadlines expires groups and starts delay warnings, a few at a time.
func (s *state) meetDeadlines(now instant) {
	for s.chores < maxChores {
		g, ok := s.deadlines.first()
		if !ok || g.deadline > now {
			return
		}
		p := s.profile(g.host, g.msg)
		expiry := s.expiry(g, p)
		if !s.mayTry(g) { // a moment later: the one that is tried is over by then
			g.deadline = now.add(pauseIdle)
			s.deadlines.fix(g)
			continue
		}
		if expiry <= now {
			s.chores++
			s.try(g)
			s.jobs = append(s.jobs, job{expire: s.grab(g), last: s.lastFault(g)})
			continue
		}
		if at := s.warnAt(g, p); at != 0 && at <= now {
			g.warned++
			s.chores++
			s.try(g)
			s.jobs = append(s.jobs, job{warn: s.grab(g), until: expiry.time(), last: s.lastFault(g)})
			continue
		}
		g.deadline = s.deadlineOf(g)
		s.deadlines.fix(g)
	}
}

// lastFault is the latest failure that kept a group waiting: its own, or its destination's if it was never tried.
func (s *state) lastFault(g *group) fault {
	if g.last == nil || g.said() == g.host.fault.text() {
		return g.host.fault
	}
	return fault{words: g.last}
}

// expiredFailure is why a recipient is given up. last is how the latest attempt failed.
func expiredFailure(last fault) *Failure {
	f := &Failure{
		Class: "5.4.7", Title: "Delivery expired (message too old)", Status: "5.4.7", Kind: Expired,
		Lines: []string{"timeout"}, Cause: last.cause, Remote: last.remote,
	}
	if text := last.text(); text != "" {
		f.Lines = []string{"timeout; last error: " + text}
	}
	return f
}
