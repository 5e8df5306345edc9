package shell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"posthouse/internal/safefile"
)

const (
	// maxLockout is the longest lockout there is, so that a clock that was set back in between locks nobody out for longer.
	maxLockout = 24 * time.Hour
	// maxLockoutsFile bounds what is read of the file; maxLockouts of the longest names take less.
	maxLockoutsFile = 32 << 20
)

// keptLockout is one lockout in the file.
type keptLockout struct {
	User   string       `json:"user"`
	Source netip.Prefix `json:"source"`
	Until  time.Time    `json:"until"`
}

// openLockouts reads the lockouts in force from dir, which keeps those of accounts from then on; empty: they end with the
// process. The others protect nothing, and a stranger who makes up names is not worth a write each. fault logs what cannot be
// read or kept.
func openLockouts(dir string, now func() time.Time, account func(user string) bool, fault func(format string, args ...any)) *lockouts {
	l := newLockouts(now)
	if dir == "" {
		return l
	}
	l.path, l.account, l.fault = filepath.Join(dir, "lockouts.json"), account, fault
	list, err := readLockouts(l.path)
	if err != nil {
		fault("The lockouts cannot be read, so nobody is locked out: %v", err)
		return l
	}
	for _, k := range list[:min(len(list), maxLockouts)] {
		if at := now(); at.Before(k.Until) {
			l.all[lockKey{k.User, k.Source}] = &lockEntry{last: at, until: at.Add(min(k.Until.Sub(at), maxLockout))}
		}
	}
	return l
}

func readLockouts(path string) (list []keptLockout, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLockoutsFile))
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return list, nil
}

// keep writes the lockouts in force, as of the change with that number or later. Who finds that somebody else's write had it
// already has nothing to do.
func (l *lockouts) keep(change int) error {
	if l.path == "" {
		return nil
	}
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.kept >= change {
		return nil
	}
	list, latest := l.inForce()
	data, err := json.MarshalIndent(list, "", " ")
	if err == nil {
		err = safefile.Write(l.path, append(data, '\n'), 0o600)
	}
	if err != nil {
		if !l.failing {
			l.fault("The lockouts cannot be kept over a restart: %v", err)
		}
		l.failing = true
		return err
	}
	l.kept, l.failing = latest, false
	return nil
}

// inForce lists the accounts' lockouts of this moment, and says up to which change.
func (l *lockouts) inForce() (list []keptLockout, change int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list = []keptLockout{}
	for k, e := range l.all {
		if l.now().Before(e.until) && l.account(k.user) {
			list = append(list, keptLockout{k.user, k.source, e.until.UTC()})
		}
	}
	slices.SortFunc(list, func(a, b keptLockout) int {
		if a.User != b.User {
			return strings.Compare(a.User, b.User)
		}
		return a.Source.Compare(b.Source)
	})
	return list, l.change
}
