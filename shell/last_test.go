package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoginLog(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 5, 15, 23, 42, 0, 0, time.UTC)
	now := func() time.Time { return at }
	l := openLogins(dir, now)
	first := l.in(identity{user: "admin", remote: "10.1.3.67"})
	at = at.Add(time.Minute)
	l.in(identity{user: "bob", remote: "console"})
	l.out(first)
	check := func(l *loginLog, lost bool) {
		t.Helper()
		got := l.list()
		if len(got) != 2 || got[0].User != "bob" || got[1].User != "admin" || !got[1].Logout.Equal(at) || !got[0].Logout.IsZero() || got[0].Lost != lost {
			t.Errorf("got %+v", got)
		}
	}
	check(l, false)
	// The service is killed: bob's session has no end, and his number is not given again.
	l = openLogins(dir, now)
	check(l, true)
	if again := l.in(identity{user: "carol", remote: "10.1.3.68"}); again != 3 {
		t.Errorf("number %d", again)
	}
}

func TestLoginLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "logins")
	if err := os.WriteFile(path, []byte("garbage\n{\"id\":7}\n{}\n{\"id\":8,\"user\":\"a\\u0000\",\"in\":\"2026-05-15T23:42:00Z\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLogins(dir, time.Now)
	if n := len(l.list()); n != 0 {
		t.Fatalf("%d logins of garbage", n)
	}
	for range 3 * maxLogins {
		l.out(l.in(identity{user: "admin", remote: "127.0.0.1"}))
	}
	data, err := os.ReadFile(path)
	if err != nil || strings.Count(string(data), "\n") > 2*maxLogins+1 {
		t.Errorf("%d lines, %v", strings.Count(string(data), "\n"), err)
	}
	l = openLogins(dir, time.Now)
	if got := l.list(); len(got) != maxLogins || got[0].Lost || got[0].Logout.IsZero() {
		t.Errorf("%d logins, the last %+v", len(got), got[0])
	}
}

// A line that a power cut has torn takes no later one with it.
func TestLoginLogTorn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "logins")
	if err := os.WriteFile(path, []byte("{\"id\":1,\"user\":\"admin\",\"in\":\"2026-05-15T23:42:00Z\"}\n{\"id\":2,\"us"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLogins(dir, time.Now)
	l.in(identity{user: "bob", remote: "127.0.0.1"})
	l.in(identity{user: "carol", remote: "127.0.0.1"})
	if got := openLogins(dir, time.Now).list(); len(got) != 3 || got[0].User != "carol" || got[1].User != "bob" {
		t.Errorf("got %+v", got)
	}
}

// The banner's last login outlives restarts and any number of other people's.
func TestLastLogin(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 5, 15, 23, 42, 0, 0, time.UTC)
	l := openLogins(dir, func() time.Time { return at })
	if got := l.lastLogin("rare"); got != "Never" {
		t.Errorf("got %q", got)
	}
	l.out(l.in(identity{user: "rare", remote: "192.0.2.7"}))
	for range 3 * maxLogins {
		l.in(identity{user: "admin", remote: "127.0.0.1"})
	}
	for _, l := range []*loginLog{l, openLogins(dir, time.Now)} {
		if got := l.lastLogin("rare"); got != "Fri May 15 23:42:00 2026 GMT from 192.0.2.7" {
			t.Errorf("got %q", got)
		}
		if got := len(l.list()); got != maxLogins {
			t.Errorf("%d logins are remembered", got)
		}
	}
}
