package commands

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const stampPattern = `\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4} \w+`

// matches fails the test unless the pattern matches all of text.
func matches(t *testing.T, text, pattern string) {
	t.Helper()
	pattern = strings.ReplaceAll(pattern, "TIME", stampPattern)
	if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(text) {
		t.Errorf("%q is not\n%s", text, pattern)
	}
}

func TestCommitConfirmed(t *testing.T) {
	b := newBench(t)
	var told []string
	b.a.Committed = func(user, comment string) { told = append(told, user+": "+comment) }
	matches(t, b.exec(0, `sethostname other.example; commit confirmed 5 "on trial"`, ""),
		`Changes committed: TIME\nReverts by itself at TIME unless a plain commit follows in time\.\n`)
	w, ok := b.a.Config.Waiting()
	r := b.a.Config.Running().Revision
	if !ok || !w.Has(r.Number) || !w.Until.Equal(r.Time.Add(5*time.Minute)) || r.Comment != "on trial" {
		t.Errorf("%+v, %+v", w, r)
	}
	matches(t, b.exec(0, "commitdetail", ""), `(?s)Commit at TIME with comments: "on trial"\.\nBy admin from 127\.0\.0\.1\.\n`+
		`Not confirmed yet\. Reverts by itself at TIME unless a plain commit follows in time\.\nhostname: .*`)
	contains(t, b.exec(0, "commitdetail --json", ""), `"confirm_by": "`)
	matches(t, b.script(0, "commit"), `(?s).*> \nChanges confirmed: what admin from 127\.0\.0\.1 committed at TIME\.\n.*`)
	if _, ok := b.a.Config.Waiting(); ok || b.running().Hostname != "other.example" {
		t.Error("it is not confirmed")
	}
	contains(t, b.exec(0, "commit; commitdetail", ""), "There is no data to commit.\nCommit at ", "By admin from 127.0.0.1.\nhostname: ")
	if len(told) != 2 || !strings.HasPrefix(told[1], "admin: confirmed what admin from 127.0.0.1 committed at ") {
		t.Errorf("told of %q", told)
	}
}

func TestCommitConfirmedByAnotherCommit(t *testing.T) {
	b := newBench(t)
	b.exec(0, `sethostname other.example; commit confirmed 5`, "")
	matches(t, b.exec(0, "sethostname third.example; commit -y", ""),
		`Changes committed: TIME\nChanges confirmed: what admin from 127\.0\.0\.1 committed at TIME\.\n`)
	b.exec(0, `sethostname other.example; commit confirmed 1440 "words" n`, "")
	if r := b.a.Config.Running().Revision; r.Rollback || r.Comment != "words" {
		t.Errorf("%+v", r)
	}
	out := b.exec(0, "sethostname third.example; commit -y --json", "")
	contains(t, out, `"committed": true`, `"confirmed": [`, `"number": 5`)
	if _, ok := b.a.Config.Waiting(); ok {
		t.Error("it is not confirmed")
	}
}

func TestCommitConfirmedForPrograms(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, `sethostname other.example; commit confirmed 5 --json`, ""), `"committed": true`, `"confirm_by": "`)
	contains(t, b.exec(0, `commit confirmed 60 --json`, ""), `"committed": false`, `"waiting": [`, `"number": 3`, `"confirm_by": "`)
	contains(t, b.exec(0, `commit --json`, ""), `"committed": false`, `"confirmed": [`, `"number": 3`, `"waiting": []`)
	if out := b.exec(0, `commit --json`, ""); out != "{\n  \"committed\": false\n}\n" {
		t.Error(out)
	}
}

func TestCommitConfirmedRefusals(t *testing.T) {
	b := newBench(t)
	b.fails("sethostname other.example; commit confirmed", "", "Invalid use of commit confirmed: the minutes are missing, 1 to 1440.")
	for _, word := range []string{"0", "1441", "-5", "five", "5m", "99999999999999999999"} {
		b.fails("sethostname other.example; commit confirmed "+word, "", `Invalid minutes "`+word+`": 1 to 1440 are accepted.`)
	}
	b.fails("sethostname other.example; commit confirmed 5 two words", "", `"words"`)
	b.fails("sethostname a b; sethostname other.example; commit confirmed 5", "", "takes one")
	contains(t, b.exec(0, "commit confirmed 5", ""), "There is no data to commit.")
	b.exec(2, "sethostname a b; sethostname other.example; commit force confirmed 5", "")
	if w, _ := b.a.Config.Waiting(); !w.By("admin") {
		t.Errorf("%+v", w)
	}
}

// Another user's commit leaves the deadline alone and says so, and cannot be on trial itself.
func TestCommitConfirmedOfAnother(t *testing.T) {
	b := newBench(t)
	theirs := b.a.Config.Candidate()
	theirs.Config.Injection.MaxHops = 77
	if _, err := b.a.Config.CommitConfirmed(t.Context(), theirs, config.Author{User: "bob", From: "192.0.2.8"}, "", true, time.Hour); err != nil {
		t.Fatal(err)
	}
	matches(t, b.exec(0, "sethostname other.example; commit -y", ""), `Changes committed: TIME\n`+
		`Not confirmed yet: what bob from 192\.0\.2\.8 committed at TIME\. It reverts by itself at TIME; a commit of nothing confirms it\.\n`)
	b.fails("sethostname third.example; commit confirmed 5", "", "Error: what bob from 192.0.2.8 committed at ")
	b.fails("commit confirmed 5", "", "Error: what bob from 192.0.2.8 committed at ")
	matches(t, b.exec(0, "commit", ""), `Changes confirmed: what bob from 192\.0\.2\.8 committed at TIME\.\n`)
}

// Nobody confirms what the role would not have let one commit, not even one's own from before a demotion.
func TestCommitConfirmedNeedsTheRight(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new bob operator "Bob" generate; commit -y`, "")
	b.exec(0, `userconfig new eve admin "Eve" generate; commit confirmed 60`, "")
	b.exec(0, `sethostname other.example; commit confirmed 60`, "")
	still := func() {
		t.Helper()
		if w, _ := b.a.Config.Waiting(); len(w.Revisions) != 2 {
			t.Errorf("what waits: %+v", w)
		}
	}
	const denied = `Error: what admin from 127\.0\.0\.1 committed at TIME changes users, their rights or the way in; ` +
		`it waits until TIME, and only an administrator may confirm it\.\n`
	for _, line := range []string{"commit", "commit -y", "commit --json", `commit force "words"`} {
		out, errs := b.as("bob", 1, line, "")
		if out != "" {
			t.Errorf("%s: %q", line, out)
		}
		matches(t, errs, denied)
		still()
	}
	_, errs := b.as("bob", 1, "commit confirmed 5", "")
	matches(t, errs, `Error: what admin from 127\.0\.0\.1 committed at TIME waits for its confirmation until TIME, so nothing is committed; `+
		`only an administrator may confirm it\.\n`)
	out, _ := b.as("bob", 0, "settz Europe/Berlin; commit -y", "")
	contains(t, out, "Not confirmed yet: what admin from 127.0.0.1 committed at ", "; only an administrator may confirm it.\n")
	still()
	b.exec(0, `userconfig new carl admin "Carl" generate; commit confirmed 60`, "")
	out, _ = b.as("carl", 0, "commit", "")
	contains(t, out, "Changes confirmed: what admin from 127.0.0.1 committed at ")

	// What an operator might have committed, an operator confirms.
	b.exec(0, `sethostname third.example; commit confirmed 60`, "")
	out, _ = b.as("bob", 0, "commit", "")
	contains(t, out, "Changes confirmed: what admin from 127.0.0.1 committed at ")

	b.as("carl", 0, `userconfig new dora admin "Dora" generate; commit confirmed 60`, "")
	b.exec(0, "userconfig role carl operator; commit -y", "")
	out, _ = b.as("carl", 0, "sethostname fourth.example; commit -y", "")
	contains(t, out, "Not confirmed yet: what carl from 127.0.0.1 committed at ", "; only an administrator may confirm it.\n")
	if w, _ := b.a.Config.Waiting(); !w.By("carl") {
		t.Errorf("what waits: %+v", w)
	}
}

// The whole story on a clock of its own: on trial, given more time, reverted, and told by commitdetail.
func TestCommitConfirmedReverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.a.Config.Run(ctx, func(config.Reversal) {}) }()
		b.exec(0, "sethostname other.example; commit confirmed 5", "")
		time.Sleep(4 * time.Minute)
		matches(t, b.exec(0, "commit confirmed 5", ""), `Still to be confirmed: what admin from 127\.0\.0\.1 committed at TIME\.\n`+
			`Reverts by itself at TIME unless a plain commit follows in time\.\n`)
		time.Sleep(5*time.Minute - time.Second)
		if b.running().Hostname != "other.example" {
			t.Error("reverted too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		out := b.exec(0, "commitdetail", "")
		contains(t, out, `with comments: "The commit of admin at `, ` was not confirmed and is reverted".`, "By (timer) from commit confirmed.",
			"hostname: ", "other.example -> mail.example.com")
		_, errs, _ := shell.RunExec(t.Context(), b.opts, "commit", "")
		if errs != "" || b.running().Hostname != "mail.example.com" {
			t.Errorf("%s, %s", errs, b.running().Hostname)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
