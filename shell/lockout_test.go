package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// keptIn opens the lockouts of a folder at a moment, and returns what was logged as well.
func keptIn(dir string, now *time.Time) (l *lockouts, faults *[]string) {
	faults = &[]string{}
	account := func(user string) bool { return !strings.HasPrefix(user, "stranger") }
	return openLockouts(dir, func() time.Time { return *now }, account, func(format string, args ...any) {
		*faults = append(*faults, fmt.Sprintf(format, args...))
	}), faults
}

// What strangers make up is refused to them, and costs no write.
func TestStrangersAreNotKept(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	l, _ := keptIn(dir, &now)
	if !l.wrong("stranger", "192.0.2.9", 1, time.Hour) || !l.locked("stranger", "192.0.2.9") {
		t.Error("a stranger is not locked out")
	}
	if _, err := os.Stat(l.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is written for a stranger: %v", err)
	}
	l.wrong("bob", "192.0.2.9", 1, time.Hour)
	again, _ := keptIn(dir, &now)
	if again.locked("stranger", "192.0.2.9") || !again.locked("bob", "192.0.2.9") {
		t.Error("after a restart the stranger is locked out, or bob is not")
	}
}

func TestLockoutsOutliveARestart(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	l, _ := keptIn(dir, &now)
	for range 3 {
		l.wrong("bob", "192.0.2.9", 3, 10*time.Minute)
		l.wrong("bob", "2001:db8::1", 3, time.Hour)
		l.wrong("eve\n\xff", "192.0.2.9", 3, 10*time.Minute)
	}
	l.wrong("carol", "192.0.2.9", 3, 10*time.Minute)

	now = now.Add(9 * time.Minute) // nothing runs
	l, faults := keptIn(dir, &now)
	if end, locked := l.until("bob", "192.0.2.9"); !locked || !end.Equal(now.Add(time.Minute)) {
		t.Errorf("after a restart: until %v, %v", end, locked)
	}
	if !l.locked("bob", "2001:db8::2") || l.locked("bob", "192.0.2.8") || l.locked("carol", "192.0.2.9") {
		t.Errorf("others are locked out than before: %v", l.of("bob"))
	}
	now = now.Add(time.Minute)
	l, _ = keptIn(dir, &now)
	if list := l.of("bob"); len(list) != 1 || list[0].Source != "2001:db8::/64" {
		t.Errorf("time that passes while nothing runs does not count: %v", list)
	}
	if err := l.clear("bob"); err != nil {
		t.Error(err)
	}
	l, _ = keptIn(dir, &now)
	if list := l.of("bob"); len(list) > 0 || len(*faults) > 0 {
		t.Errorf("locked out from %v after an unlock; %v", list, *faults)
	}
}

// A clock that is set back while nothing runs makes no lockout longer than the longest.
func TestLockoutsEndWhateverTheClock(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2036, 12, 1, 9, 0, 0, 0, time.UTC)
	l, _ := keptIn(dir, &now)
	l.wrong("bob", "192.0.2.9", 1, time.Hour)
	now = now.AddDate(-10, 0, 0)
	l, _ = keptIn(dir, &now)
	if end, locked := l.until("bob", "192.0.2.9"); !locked || end.After(now.Add(maxLockout)) {
		t.Errorf("until %v", end)
	}
}

func TestDamagedLockouts(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for _, text := range []string{"", "{", `[{"user": "bob", "source": "192.0.2.9/32"`, `[{"source": "everywhere"}]`} {
		if err := os.WriteFile(filepath.Join(dir, "lockouts.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, faults := keptIn(dir, &now)
		if len(l.all) > 0 || len(*faults) != 1 || !strings.HasPrefix((*faults)[0], "The lockouts cannot be read, so nobody is locked out: lockouts.json: ") {
			t.Errorf("%q: %v", text, *faults)
		}
		l.wrong("bob", "192.0.2.9", 1, time.Hour)
		if l, faults := keptIn(dir, &now); len(l.of("bob")) != 1 || len(*faults) > 0 {
			t.Errorf("%q: nothing is kept afterwards: %v", text, *faults)
		}
	}
}

// A disk that takes nothing is said once, and whoever unlocks learns of it.
func TestLockoutsThatCannotBeKept(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "gone"), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	l, faults := keptIn(dir, &now)
	if !l.wrong("bob", "192.0.2.9", 1, time.Hour) || !l.wrong("bob", "192.0.2.8", 1, time.Hour) || len(l.of("bob")) != 2 {
		t.Error("no lockout")
	}
	if err := l.clear("bob"); err == nil || len(l.of("bob")) > 0 {
		t.Errorf("unlocked: %v, %v", err, l.of("bob"))
	}
	if len(*faults) != 1 || !strings.HasPrefix((*faults)[0], "The lockouts cannot be kept over a restart: ") {
		t.Errorf("said: %v", *faults)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.wrong("carol", "192.0.2.9", 1, time.Hour)
	if l, _ := keptIn(dir, &now); len(l.of("carol")) != 1 || len(l.of("bob")) > 0 {
		t.Error("nothing is kept once the disk takes it")
	}
}

func TestLockoutsAtOnce(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	l, _ := keptIn(dir, &now)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			user := fmt.Sprint("user", i)
			l.wrong(user, "192.0.2.9", 1, time.Hour)
			if i%2 == 0 {
				l.clear(user)
			}
		})
	}
	all.Wait()
	l, _ = keptIn(dir, &now)
	for i := range 20 {
		if locked := l.locked(fmt.Sprint("user", i), "192.0.2.9"); locked != (i%2 == 1) {
			t.Errorf("user%d: %v", i, locked)
		}
	}
}
