package shell

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Of the logins that fail from one source, and of those of one user, failuresLogged have a line each in failuresWindow. The
// others are counted, and told in one line at its end, so that who guesses fills no log. The first from each source and of each
// account has its line in any case, and so has each lockout of an account.
const (
	failuresLogged = 10
	failuresWindow = time.Minute
	// maxTallies bounds how many sources and how many users are told apart in a window. Guessing from more takes longer than that:
	// each password has to be hashed.
	maxTallies = 10_000
)

// failures bounds the lines about failed logins. Every failure has its line or is counted in exactly one.
type failures struct {
	write func(line string)
	begun chan struct{} // has a token when a window has begun

	mu      sync.Mutex
	open    bool // a window
	sources map[netip.Prefix]*tally
	users   map[string]*tally
}

// tally is what there was in a window from one source, or of one user.
type tally struct {
	of       string // "from 192.0.2.1", "of the user bob"
	lines    int
	silent   int    // failures without a line
	lockouts int    // of names that are no account's, without a line
	user     string // of the silent ones; empty: there are none, or of several
}

func newFailures(write func(string)) *failures {
	f := &failures{write: write, begun: make(chan struct{}, 1)}
	f.clear()
	return f
}

func (f *failures) clear() {
	f.open, f.sources, f.users = false, map[netip.Prefix]*tally{}, map[string]*tally{}
}

// failed logs a failed login, or counts it; account says whether there is such a user.
func (f *failures) failed(user, remote string, account bool, line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, u := f.tallies(user, remote)
	if s.lines == 0 || account && u.lines == 0 || s.lines < failuresLogged && u.lines < failuresLogged {
		s.lines++
		u.lines++
		f.write(line)
		return
	}
	t := u // many sources guess at one user
	if s.lines >= failuresLogged {
		t = s
	}
	if t.silent++; t.silent == 1 {
		t.user = plainName(user)
	} else if t.user != plainName(user) {
		t.user = ""
	}
}

// lockedOut logs a lockout. Those of names that are no account's protect nothing, and have no line where there are too many.
func (f *failures) lockedOut(user, remote string, account bool, line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := f.tallies(user, remote)
	if !account && s.lines >= failuresLogged {
		s.lockouts++
		return
	}
	s.lines++
	f.write(line)
}

// tallies returns what there was from the source and of the user in this window, which begins with the first failure. The
// lock is held.
func (f *failures) tallies(user, remote string) (fromSource, ofUser *tally) {
	if !f.open {
		f.open = true
		select {
		case f.begun <- struct{}{}:
		default:
		}
	}
	k := keyOf(user, remote)
	return tallyOf(f.sources, k.source, "from "+sourceText(k.source), "from other sources"),
		tallyOf(f.users, k.user, "of the user "+plainName(user), "of other users")
}

// tallyOf finds the tally of a key, or makes one. Where there is no room for more, those that find none share the zero key's.
func tallyOf[K comparable](all map[K]*tally, k K, of, others string) *tally {
	if all[k] == nil && len(all) >= maxTallies {
		k, of = *new(K), others
	}
	if all[k] == nil {
		all[k] = &tally{of: of}
	}
	return all[k]
}

// run tells what is counted at the end of each window until ctx ends.
func (f *failures) run(ctx context.Context) {
	for {
		select {
		case <-f.begun:
		case <-ctx.Done():
			return
		}
		end := time.NewTimer(failuresWindow)
		select {
		case <-end.C:
			f.tell()
		case <-ctx.Done():
			end.Stop()
			return
		}
	}
}

// tell logs what was counted, and the window ends.
func (f *failures) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range slices.SortedFunc(maps.Values(f.sources), byText) {
		t.tell(f.write)
	}
	for _, t := range slices.SortedFunc(maps.Values(f.users), byText) {
		t.tell(f.write)
	}
	f.clear()
}

func byText(a, b *tally) int { return strings.Compare(a.of, b.of) }

func (t *tally) tell(write func(string)) {
	var parts []string
	if t.silent > 0 {
		line := plural(t.silent, "more failed login") + " " + t.of + " in the last minute"
		if strings.HasPrefix(t.of, "from ") && t.user != "" {
			line += ", of the user " + t.user
		}
		parts = append(parts, line)
	}
	if t.lockouts > 0 {
		parts = append(parts, plural(t.lockouts, "more lockout")+" "+t.of+" of names that are no user's")
	}
	if len(parts) > 0 {
		write(strings.Join(parts, "; ") + ".")
	}
}
