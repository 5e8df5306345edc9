package shell

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"posthouse/internal/localtime"
)

// maxLockouts bounds how many pairs of user and source are remembered; beyond it the oldest are forgotten.
const maxLockouts = 10000

// lockouts counts wrong passwords per user and source. Offered keys do not count: a program that tries all the keys of
// its agent is not guessing. The lockouts outlive a restart, the wrong passwords before one do not.
type lockouts struct {
	now     func() time.Time
	path    string                 // of the file; empty: there is none, and no more of what follows
	account func(user string) bool // says whether there is such a user
	fault   func(format string, args ...any)

	mu     sync.Mutex
	all    map[lockKey]*lockEntry
	change int // how often the lockouts in force have changed

	disk    sync.Mutex // held while the file is written, without mu
	kept    int        // the change that the file has
	failing bool       // the latest write failed, and was told
}

// maxLockName bounds what is remembered of a name, in bytes: a stranger's may be as long as a packet. Longer names of one
// beginning count as one; no account has such a name.
const maxLockName = 256

type lockKey struct {
	user   string
	source netip.Prefix
}

func keyOf(user, remote string) lockKey {
	return lockKey{strings.Clone(user[:min(len(user), maxLockName)]), source(remote)}
}

type lockEntry struct {
	wrong int
	last  time.Time // the last wrong password
	until time.Time // the end of the lockout; zero: none
}

func newLockouts(now func() time.Time) *lockouts {
	return &lockouts{now: now, all: map[lockKey]*lockEntry{}}
}

// source is the network that counts as one source: an IPv4 address, or the /64 that one IPv6 customer has.
func source(remote string) netip.Prefix {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits)
	return p
}

// sourceText names a source: an address, or a block of IPv6 addresses.
func sourceText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// locked says whether passwords of the user are refused from there now.
func (l *lockouts) locked(user, remote string) bool {
	_, locked := l.until(user, remote)
	return locked
}

// until is the end of a lockout, where there is one now.
func (l *lockouts) until(user, remote string) (end time.Time, locked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.all[keyOf(user, remote)]
	if e == nil || !l.now().Before(e.until) {
		return time.Time{}, false
	}
	return e.until, true
}

// wrong counts a wrong password and says whether it began a lockout. That of an account then is on disk.
func (l *lockouts) wrong(user, remote string, most int, lasts time.Duration) bool {
	change, began := l.count(user, remote, most, lasts)
	if began && l.path != "" && l.account(user) {
		l.keep(change) // where that fails, the lockout holds until the process ends
	}
	return began
}

func (l *lockouts) count(user, remote string, most int, lasts time.Duration) (change int, began bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	k := keyOf(user, remote)
	e := l.all[k]
	if e == nil || now.Sub(e.last) > lasts {
		l.forget()
		e = &lockEntry{}
		l.all[k] = e
	}
	e.last = now
	if e.wrong++; most <= 0 || e.wrong < most {
		return l.change, false
	}
	e.wrong = 0
	e.until = now.Add(lasts)
	l.change++
	return l.change, true
}

// right forgets the wrong passwords before a right one. There is no lockout then, unless one began while the right one was
// looked at: that one holds.
func (l *lockouts) right(user, remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := keyOf(user, remote)
	if e := l.all[k]; e != nil && !l.now().Before(e.until) {
		delete(l.all, k)
	}
}

// forget makes room for one more entry.
func (l *lockouts) forget() {
	for len(l.all) >= maxLockouts {
		var oldest lockKey
		var when time.Time
		for k, e := range l.all {
			if when.IsZero() || e.last.Before(when) {
				oldest, when = k, e.last
			}
		}
		delete(l.all, oldest)
	}
}

// Lockout is one source from which a user's passphrases are refused for now.
type Lockout struct {
	Source string // an address, or a block of IPv6 addresses
	Until  time.Time
}

// of lists the lockouts of a user.
func (l *lockouts) of(user string) []Lockout {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Lockout
	for k, e := range l.all {
		if k.user == user && l.now().Before(e.until) {
			list = append(list, Lockout{sourceText(k.source), e.until})
		}
	}
	slices.SortFunc(list, func(a, b Lockout) int { return strings.Compare(a.Source, b.Source) })
	return list
}

// clear forgets every wrong password and lockout of a user. The error says that a restart may bring the lockouts back.
func (l *lockouts) clear(user string) error {
	l.mu.Lock()
	maps.DeleteFunc(l.all, func(k lockKey, _ *lockEntry) bool { return k.user == user })
	l.change++
	change := l.change
	l.mu.Unlock()
	return l.keep(change)
}

// Lockouts lists from where a user's passphrases are refused for now, because too many were wrong.
func (s *Session) Lockouts(user string) []Lockout {
	if s.opts.lock == nil {
		return nil
	}
	return s.opts.lock.of(user)
}

// EndLockouts lets a user try again from everywhere. The error says that a restart may bring the lockouts back.
func (s *Session) EndLockouts(user string) error {
	if s.opts.lock == nil {
		return nil
	}
	return s.opts.lock.clear(user)
}

// TryPassphrase checks the present passphrase of the session's user once more, by right. It counts as a login does: a wrong
// one may begin a lockout, during one none is right, and the right one forgets the wrong ones where no code is needed.
func (s *Session) TryPassphrase(right func() bool) error {
	lock, failed, user, remote := s.opts.lock, s.opts.failed, s.id.user, s.id.remote
	if lock == nil { // no server counts
		lock, failed = newLockouts(s.opts.now), newFailures(func(line string) { log(s.opts.Auth, line) })
	}
	from := "The user " + plainName(user) + " from " + remote
	if until, locked := lock.until(user, remote); locked {
		failed.failed(user, remote, true, from+" is locked out; a passphrase was refused.")
		return Fail("Error: passphrases of %s from %s are refused until %s, because too many were wrong.", user, remote, localtime.Of(until).Format("15:04:05 MST"))
	}
	running := s.opts.Config.Running().Config
	if right() {
		if u := running.Users[user]; u != nil && !u.TwoFactor { // else wrong codes are among the wrong ones
			lock.right(user, remote)
		}
		return nil
	}
	limits := limitsIn(running)
	failed.failed(user, remote, true, from+" entered a wrong present passphrase.")
	if lock.wrong(user, remote, limits.LockoutAttempts, time.Duration(limits.LockoutMinutes)*time.Minute) {
		failed.lockedOut(user, remote, true, from+" is locked out for "+plural(limits.LockoutMinutes, "minute")+".")
	}
	return Fail("Invalid passphrase: that is not the present one.")
}
