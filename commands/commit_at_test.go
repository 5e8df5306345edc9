package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/shell"
)

func TestReadTime(t *testing.T) {
	zone := time.FixedZone("CEST", 2*3600)
	now := time.Date(2026, 9, 22, 14, 30, 15, 0, zone)
	for word, want := range map[string]time.Time{
		"14:31":                     time.Date(2026, 9, 22, 14, 31, 0, 0, zone),
		"14:30":                     time.Date(2026, 9, 23, 14, 30, 0, 0, zone),
		"3:05":                      time.Date(2026, 9, 23, 3, 5, 0, 0, zone),
		"14:30:16":                  time.Date(2026, 9, 22, 14, 30, 16, 0, zone),
		"2026-12-01T03:00":          time.Date(2026, 12, 1, 3, 0, 0, 0, zone),
		"2026-12-01T03:00:01":       time.Date(2026, 12, 1, 3, 0, 1, 0, zone),
		"2026-12-01T03:00:00Z":      time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC),
		"2026-12-01T03:00:00-05:00": time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC),
		"+30m":                      now.Add(30 * time.Minute),
		"+1h30m":                    now.Add(90 * time.Minute),
		"+2d":                       now.Add(48 * time.Hour),
		"+1d12h":                    now.Add(36 * time.Hour),
		"+366d":                     now.Add(config.MaxAhead),
	} {
		if got, err := readTime(word, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", word, got, err, want)
		}
	}
	for _, word := range []string{"", "24:00", "3", "tomorrow", "+", "+0s", "+-5m", "+367d", "+d", "+99999999999999999999d", "+1d-2d", "2026-13-01T03:00", "03:00 "} {
		if at, err := readTime(word, now); err == nil {
			t.Errorf("%q is read as %v", word, at)
		}
	}
}

func FuzzReadTime(f *testing.F) {
	for _, word := range []string{"03:00", "2026-12-01T03:00", "+30m", "+1d12h", "2026-12-01T03:00:00+02:00"} {
		f.Add(word)
	}
	now := time.Date(2026, 9, 22, 14, 30, 15, 0, time.UTC)
	f.Fuzz(func(t *testing.T, word string) {
		at, err := readTime(word, now)
		ahead := strings.HasPrefix(word, "+") || len(word) < 10
		if err == nil && ahead && (!at.After(now) || at.Sub(now) > config.MaxAhead) {
			t.Errorf("%q is read as %v", word, at)
		}
	})
}

// The whole story on a clock of its own, and what programs read of it.
func TestCommitAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		var told []config.Outcome
		go func() { done <- b.a.Config.RunPlanned(ctx, func(o config.Outcome) { told = append(told, o) }) }()
		contains(t, b.exec(0, "commit at", ""), "There are no planned commits.")
		matches(t, b.exec(0, `sethostname other.example; commit at +2h "at night" n; showchanges; sethostname third.example; commit at +3h`, ""),
			`Planned as commit 1 for TIME\.\nThere are no changes\.\nPlanned as commit 2 for TIME\.\n`)
		var list plannedListJSON
		if err := json.Unmarshal([]byte(b.exec(0, "commit at --json", "")), &list); err != nil || len(list.Planned) != 2 {
			t.Fatalf("%v, %+v", err, list)
		}
		if p := list.Planned[0]; p.Number != 1 || p.User != "admin" || p.Comment != "at night" || p.Rollback || p.Changes != 1 || !p.At.Equal(p.Entered.Add(2*time.Hour)) {
			t.Errorf("%+v", p)
		}
		second := fmt.Sprintf("hostname:  mail.example.com -> third.example\n1 change from revision %d to planned commit 2.\n", b.a.Config.Running().Revision.Number)
		contains(t, b.exec(0, "showchanges planned 2", ""), second)
		b.fails("commit at cancel", "", "Invalid use of commit at cancel: the number is missing; accepted are 1, 2.")
		b.fails("commit at cancel two", "", `Invalid number "two"`)
		b.fails("commit at cancel 7", "", "Unknown planned commit 7: accepted are 1, 2.")
		b.fails("commit at cancel 1 2", "", `Invalid word "2"`)
		b.fails("showchanges planned", "", "one number")
		b.fails("showchanges planned 9", "", `Unknown planned commit "9"`)
		time.Sleep(2*time.Hour + time.Second)
		synctest.Wait()
		if b.running().Hostname != "other.example" || b.a.Config.Running().Revision.Rollback {
			t.Errorf("the host is %s", b.running().Hostname)
		}
		contains(t, b.exec(0, "commitdetail", ""), `comments: "at night"`, "It was planned commit 1.")
		contains(t, b.exec(0, "showchanges planned 2", ""), second) // whatever runs by now
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 2 || len(config.ConflictErrors(told[1].Err)) != 1 || b.running().Hostname != "other.example" {
			t.Errorf("told %v", told)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestCommitAtRefusals(t *testing.T) {
	b := newBench(t)
	b.fails("sethostname other.example; commit at noon", "", `Invalid time "noon": HH:MM, YYYY-MM-DDTHH:MM and +30m are accepted`)
	b.fails("sethostname other.example; commit force at", "", "Invalid use of commit at: the time is missing")
	b.fails("sethostname other.example; commit at 2020-01-01T00:00", "", "Invalid time: it is over, or more than 366 days ahead.")
	b.fails("sethostname other.example; commit at +1h two words", "", `"words"`)
	b.fails("nonsense; sethostname other.example; commit at +1h", "", "earlier command failed")
	contains(t, b.exec(0, "commit at +1h", ""), "There is no data to commit.")
	for range config.MaxPlannedOf {
		b.exec(0, "sethostname other.example; commit at +1h", "")
	}
	b.fails("sethostname other.example; commit at +1h", "", "Unable to plan: 10 commits of one user and 50 in all are the most")
	contains(t, b.exec(0, "commit at cancel 3 --json", ""), `"cancelled": {`, `"number": 3`)
	contains(t, b.exec(0, "sethostname other.example; commit at +1h --json", ""), `"committed": false`, `"planned": {`, `"changes": [`)
}

// commit check looks up where new routes lead; a nameserver that does not answer says nothing.
func TestCommitCheckLooksRoutesUp(t *testing.T) {
	b := newBench(t)
	b.engine.resolver.Hosts = map[string][]netip.Addr{"there.example": {netip.MustParseAddr("192.0.2.1")}}
	b.engine.resolver.Fail = map[string]dns.Kind{"silent.example": dns.Temporary}
	out := b.exec(0, "smtproutes new a.example gone.example; smtproutes new b.example there.example; smtproutes new c.example silent.example; commit check; clearchanges -y", "")
	contains(t, out, "The SMTP route of a.example leads to gone.example, which has no address.\n", "The changes are valid. Nothing is committed.")
	if strings.Contains(out, "b.example leads") {
		t.Error(out)
	}
	var document checkJSON
	out = b.exec(0, "smtproutes new a.example gone.example; commit check --json; set json off; clearchanges -y", "")
	if err := json.NewDecoder(strings.NewReader(out[strings.Index(out, "{"):])).Decode(&document); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, c := range document.Consequences {
		found = found || c == consequenceJSON{"dead_route", `smtp_routes."a.example"`, "The SMTP route of a.example leads to gone.example, which has no address.", false}
	}
	if !found {
		t.Errorf("%+v", document)
	}
}

// A commit mentions what is grave and new, and nothing else.
func TestCommitMentionsConsequences(t *testing.T) {
	b := newBench(t)
	b.exec(0, "destconfig new a.example tls required-verify; commit -y", "")
	out := b.exec(0, "destconfig edit a.example tls preferred; listenerconfig edit InboundMail port 0; commit -y", "")
	matches(t, out[strings.Index(out, "Note:"):], `Note: Mail to a\.example: TLS goes from required-verify to preferred; nothing is verified any more, `+
		`and mail goes in clear where TLS is not offered\.\nChanges committed: TIME\n`)
	if out := b.exec(0, "sethostname x.example; commit -y", ""); strings.Contains(out, "Note:") {
		t.Error(out)
	}
}

// A conflict about a passphrase says that it is one and shows nothing of either.
func TestConflictShowsNoSecret(t *testing.T) {
	b := newBench(t)
	table := b.opts.Table
	meanwhile := &shell.Command{Name: "meanwhile", Run: func(ctx context.Context, _ *shell.Session, _ []string) error {
		_, errs, status := shell.RunExec(ctx, b.opts, "passphrase; commit -y", benchPassphrase+"\ntheirs theirs 1\ntheirs theirs 1\n")
		if status != 0 {
			t.Errorf("the other session: %s", errs)
		}
		return nil
	}}
	b.opts.Table = append(table[:len(table):len(table)], meanwhile)
	_, errs, status := shell.RunExec(t.Context(), b.opts, "passphrase; meanwhile; commit -y", benchPassphrase+"\nours ours 22\nours ours 22\n")
	if status != 1 {
		t.Fatalf("exit status %d: %s", status, errs)
	}
	contains(t, errs, "Error: users.admin was changed by admin at ", "passphrase is (changed) there and (changed) here.")
	if strings.Contains(errs, "passphrase-") {
		t.Errorf("it names a hash: %s", errs)
	}
}
