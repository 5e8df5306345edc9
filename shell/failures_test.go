package shell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// tallied runs work on failures that are told each minute, and returns what was logged.
func tallied(t *testing.T, work func(f *failures)) (lines []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFailures(func(line string) { lines = append(lines, line) })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.run(ctx) }()
		work(f)
		stop()
		<-done
		f.tell()
	})
	return lines
}

func TestFailedLoginsAreSummedUp(t *testing.T) {
	guess := func(f *failures, user, remote string, account bool, times int) {
		for range times {
			f.failed(user, remote, account, user+" from "+remote)
		}
	}
	for name, c := range map[string]struct {
		work  func(f *failures)
		lines int // that tell one failure
		want  []string
	}{
		"few":       {func(f *failures) { guess(f, "bob", "192.0.2.9", true, failuresLogged) }, failuresLogged, nil},
		"one":       {func(f *failures) { guess(f, "bob", "192.0.2.9", true, failuresLogged+1) }, failuresLogged, []string{"1 more failed login from 192.0.2.9 in the last minute, of the user bob."}},
		"one guess": {func(f *failures) { guess(f, "bob", "192.0.2.9", true, 500) }, failuresLogged, []string{"490 more failed logins from 192.0.2.9 in the last minute, of the user bob."}},
		"two minutes": {func(f *failures) {
			guess(f, "bob", "192.0.2.9", true, 30)
			time.Sleep(failuresWindow + time.Second)
			guess(f, "bob", "192.0.2.9", true, 12)
		}, 2 * failuresLogged, []string{"20 more failed logins from 192.0.2.9 in the last minute, of the user bob.", "2 more failed logins from 192.0.2.9 in the last minute, of the user bob."}},
		"many names, and an account's first behind them": {func(f *failures) {
			for i := range 100 {
				guess(f, fmt.Sprint("user", i), "2001:db8::1", false, 1)
			}
			guess(f, "bob", "2001:db8::2", true, 2)
		}, failuresLogged + 1, []string{"91 more failed logins from 2001:db8::/64 in the last minute."}},
		"many sources": {func(f *failures) {
			for i := range 100 {
				guess(f, "bob", fmt.Sprint("192.0.2.", i), true, 2)
			}
		}, 105, []string{"95 more failed logins of the user bob in the last minute."}},
		"an odd name": {func(f *failures) { guess(f, "b\nob", "192.0.2.9", false, 11) }, failuresLogged, []string{`1 more failed login from 192.0.2.9 in the last minute, of the user "b\nob".`}},
	} {
		told, sums := 0, []string(nil)
		for _, line := range tallied(t, c.work) {
			if strings.Contains(line, " more failed login") {
				sums = append(sums, line)
			} else {
				told++
			}
		}
		if told != c.lines || !slices.Equal(sums, c.want) {
			t.Errorf("%s: %d lines and %q, want %d and %q", name, told, sums, c.lines, c.want)
		}
	}
}

// Each lockout of an account has its line; what strangers lock themselves out of is counted.
func TestLockoutLines(t *testing.T) {
	lines := tallied(t, func(f *failures) {
		for i := range 40 {
			f.failed("eve", "192.0.2.9", false, "failed")
			f.lockedOut(fmt.Sprint("eve", i), "192.0.2.9", false, "a stranger is locked out")
			f.lockedOut("bob", "192.0.2.9", true, "bob is locked out")
		}
	})
	count := map[string]int{}
	for _, line := range lines {
		count[line]++
	}
	if count["bob is locked out"] != 40 || count["failed"]+count["a stranger is locked out"] > failuresLogged {
		t.Errorf("%v", count)
	}
	want := fmt.Sprintf("%d more failed logins from 192.0.2.9 in the last minute, of the user eve; %d more lockouts from 192.0.2.9 of names that are no user's.",
		40-count["failed"], 40-count["a stranger is locked out"])
	if count[want] != 1 {
		t.Errorf("%v, want %q", count, want)
	}
}

// Memory is bounded, and nothing is lost beyond the bound.
func TestFailuresAreBounded(t *testing.T) {
	const sources = maxTallies + 500
	lines := tallied(t, func(f *failures) {
		for i := range sources {
			remote := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
			for range failuresLogged + 5 {
				f.failed(fmt.Sprint("user", i), remote, false, "failed")
			}
		}
		if len(f.sources) > maxTallies+1 || len(f.users) > maxTallies+1 {
			t.Errorf("%d sources, %d users", len(f.sources), len(f.users))
		}
	})
	total := 0
	for _, line := range lines {
		n := 1
		if strings.Contains(line, " more failed login") {
			fmt.Sscan(line, &n)
		}
		total += n
	}
	if total != sources*(failuresLogged+5) {
		t.Errorf("%d failures are told of %d", total, sources*(failuresLogged+5))
	}
}

// What was not told yet is told when the server stops.
func TestFailuresAreToldAtTheEnd(t *testing.T) {
	logs := &logged{more: make(chan struct{})}
	t.Run("server", func(t *testing.T) {
		a := startServer(t, func(o *Options) { o.Auth = logs.add })
		a.settings(config.Shell{LockoutAttempts: 1}) // the others need not be hashed
		for range 4 {
			gossh.Dial("tcp", a.Addresses()[0], a.config("bob", gossh.RetryableAuthMethod(gossh.Password("falsch"), maxPasswords)))
		}
	})
	text := strings.Join(logs.lines, "\n")
	if !strings.Contains(text, "\n3 more failed logins from 127.0.0.1 in the last minute, of the user bob.") ||
		strings.Count(text, "The user bob from 127.0.0.1 is locked out for 10 minutes.") != 1 {
		t.Errorf("logged:\n%s", text)
	}
}
