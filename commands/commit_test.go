package commands

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

func TestCommitDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "destconfig new partner.example tls required-verify", "showchanges", "commit", "TLS for partner.example", "",
		"commit", "commitdetail")
	contains(t, out,
		"destination_controls.\"partner.example\".tls:  default -> required-verify\n1 change, not committed.\n",
		"Please enter some comments describing your changes:\n[]> ",
		"Do you want to save the current configuration for rollback? [Y]> ",
		"Changes committed: ", "There is no data to commit.",
		"Commit at ", " with comments: \"TLS for partner.example\".\nBy admin from 127.0.0.1.\n", "default -> required-verify")
	if !regexp.MustCompile(`(?m)^Changes committed: \w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4} \w+$`).MatchString(out) {
		t.Errorf("the time of the commit is written otherwise:\n%s", out)
	}
}

func TestCommitWords(t *testing.T) {
	for _, tt := range []struct {
		words, comment string
		rollback       bool
	}{
		{`commit "two words"`, "two words", true},
		{`commit "two words" n`, "two words", false},
		{`commit -y`, "", true},
		{`commit force`, "", true},
		{`commit force "insisted" y`, "insisted", true},
	} {
		b := newBench(t)
		b.exec(0, "sethostname other.example; "+tt.words, "")
		r := b.a.Config.Running().Revision
		if r.Comment != tt.comment || r.Rollback != tt.rollback || b.running().Hostname != "other.example" {
			t.Errorf("%s: %+v", tt.words, r)
		}
	}
}

// What is in force is told, and nothing else is.
func TestCommitIsTold(t *testing.T) {
	b := newBench(t)
	var told []string
	b.a.Committed = func(user, comment string) { told = append(told, user+": "+comment) }
	b.exec(0, `sethostname one.example; commit "the first"; commit "nothing"; sethostname two.example; commit check; commit -y`, "")
	b.a.Config.SetAppliers(busyPort{})
	b.fails(`sethostname three.example; commit "refused"`, "", "Failed to commit")
	if want := []string{"admin: the first", "admin: "}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
}

func TestCommitCheckChangesNothing(t *testing.T) {
	b := newBench(t)
	before := b.settings()
	out := b.exec(0, "sethostname other.example; commit check; clearchanges -y", "")
	contains(t, out, "hostname:", "The changes are valid. Nothing is committed.", "Changes cleared: ")
	if b.settings() != before {
		t.Error("commit check has committed")
	}
	contains(t, b.exec(0, "commit check", ""), "There is no data to commit.")
	contains(t, b.exec(0, "sethostname other.example; commit check --json; clear -y", ""), `"committed": false`, `"path": "hostname"`)
	contains(t, b.exec(0, "showchanges", ""), "There are no changes.")
}

// Where there is nothing to clear nothing is asked, unless the question stands for a failure that is to be forgotten.
func TestClearChangesOfNothing(t *testing.T) {
	b := newBench(t)
	contains(t, b.script(0, "clearchanges", "whoami"), "\nThere are no changes.\n", "\nUsername:")
	if out := b.exec(0, "clearchanges; clearchanges -y", ""); out != "There are no changes.\nThere are no changes.\n" {
		t.Errorf("clearchanges prints %q", out)
	}
	contains(t, b.exec(2, "nothing; clearchanges; sethostname other.example; commit -y", "y\n"), "Changes cleared: ", "Changes committed: ")
}

func TestCommitRefusals(t *testing.T) {
	b := newBench(t)
	b.fails("commit two words", "", `"words"`)
	for _, name := range []string{"-x", "x-", "foo_bar", "a..b", "bücher.example", "192.0.2.1", strings.Repeat("x", 64)} {
		b.fails("sethostname "+name, "", `Invalid host name "`+name+`": letters, digits, hyphens and dots are accepted`)
	}
	b.fails("sethostname other.example; commit \"a\x01b\"", "", "")
	b.fails("sethostname other.example; destconfig new x.example tls strong; commit -y", "", "Invalid")
	b.exec(2, "sethostname a b; clearchanges -y; sethostname other.example; commit -y", "")
	if b.running().Hostname != "other.example" {
		t.Error("clearchanges does not allow the commit again")
	}
	b.exec(2, "sethostname a b; sethostname third.example; commit force", "")
	if b.running().Hostname != "third.example" {
		t.Error("commit force does not insist")
	}
}

// busyPort is a part of the appliance that cannot put anything in force.
type busyPort struct{}

func (busyPort) Prepare(context.Context, *config.Config, *config.Config) (config.Prepared, error) {
	return nil, errors.New("port 2525 on 127.0.0.1 is in use")
}

func TestCommitOnAFullDisk(t *testing.T) {
	err := refusal(fmt.Errorf("write 00000003.pending: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}))
	if got := err.Error(); got != "Failed to commit: the disk is full; the configuration is what it was." {
		t.Error(got)
	}
}

func TestCommitThatCannotBePutInForce(t *testing.T) {
	b := newBench(t)
	b.a.Config.SetAppliers(busyPort{})
	b.fails("sethostname other.example; commit -y", "", "Failed to commit: port 2525 on 127.0.0.1 is in use; the configuration is what it was.")
}

// Two sessions at once: what does not collide is kept, what does is refused with object, operator and time.
func TestCommitOfTwoSessions(t *testing.T) {
	b := newBench(t)
	meanwhile := func(args string) *shell.Command {
		return &shell.Command{Name: "meanwhile", Run: func(ctx context.Context, s *shell.Session, _ []string) error {
			s.Candidate() // the session's work begins before the other's commit
			_, errs, status := shell.RunExec(ctx, b.opts, args+"; commit -y", "")
			if status != 0 {
				t.Errorf("the other session: %s", errs)
			}
			return nil
		}}
	}
	table := b.opts.Table
	b.opts.Table = append(table[:len(table):len(table)], meanwhile("destconfig new theirs.example tls preferred"))
	out := b.exec(0, "destconfig new ours.example tls required; meanwhile; commit -y", "")
	contains(t, out, "Kept: what admin from 127.0.0.1 committed at ", "Changes committed: ")
	if len(b.running().Destinations) != 3 {
		t.Errorf("not both are there: %v", b.running().Destinations)
	}
	b.opts.Table = append(table[:len(table):len(table)], meanwhile("destconfig edit theirs.example tls no"))
	_, errs, status := shell.RunExec(t.Context(), b.opts, "destconfig edit theirs.example tls required; meanwhile; commit -y", "")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	contains(t, errs, `Error: destination_controls."theirs.example" was changed by admin at `, " too; nothing is committed.")
	if got := b.running().Destinations["theirs.example"].TLS; got != config.TLSNo {
		t.Errorf("theirs has TLS %q", got)
	}
}

func TestClearChangesAsks(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "sethostname other.example", "clear", "", "showchanges")
	contains(t, out, "Are you sure you want to clear all changes since the last commit? [Y]> ", "Changes cleared: ", "There are no changes.")
}

// profile stores a profile in the running configuration's vault and puts it in the candidate of the next commit.
func (b *bench) profile(name string, p *certstore.Profile, more func(c *config.Config)) {
	b.t.Helper()
	id, err := b.a.Certs.Put(p)
	if err != nil {
		b.t.Fatal(err)
	}
	candidate := b.a.Config.Candidate()
	candidate.Config.Certificates[name] = &config.Certificate{}
	candidate.Config.Refs[config.CertificateRef(name)] = id
	if more != nil {
		more(candidate.Config)
	}
	if _, err := b.a.Config.Commit(b.t.Context(), candidate, config.Author{User: "test"}, "", false); err != nil {
		b.t.Fatal(err)
	}
}

func TestCommitThatMakesACertificatesUseWorse(t *testing.T) {
	b := newBench(t)
	good, err := certstore.Create(certstore.Request{CommonName: "mail.example.com", Days: 100})
	if err != nil {
		t.Fatal(err)
	}
	other, err := certstore.Create(certstore.Request{CommonName: "other.example", Days: 100})
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.a.Certs.PutAuthorities([]*x509.Certificate{good.Leaf()})
	if err != nil {
		t.Fatal(err)
	}
	b.profile("good", good, nil)
	b.profile("other", other, func(c *config.Config) {
		c.Authorities.Custom = true
		c.Refs[config.AuthoritiesRef] = list
	})
	contains(t, b.exec(0, "certconfig print --json", ""), `"service": "Listener InboundMail",
      "certificates": [
        "Demo"
      ]`, `"service": "URL filtering",
      "certificates": []`)
	assign := func(name string) string { return "listenerconfig edit InboundMail certificate " + name + "; " }
	b.exec(0, assign("other")+"commit -y", "") // better than Demo, whatever it is
	b.exec(0, assign("good")+"commit -y", "")
	b.fails(assign("other")+"commit -y", "", `Error: Listener InboundMail: the chain of profile "other" does not verify, the one before did. Listener InboundMail: the certificate of profile "other" does not name mail.example.com, the one before did. Nothing is committed; commit force insists.`)
	out := b.exec(0, assign("other")+"commit check; clearchanges -y", "")
	contains(t, out, `the certificate of profile "other" does not name mail.example.com`)
	b.exec(0, assign("Demo")+"commit -y", "")
	b.exec(0, assign("good")+"commit -y", "")
	b.exec(0, assign("other")+"commit force", "")
	if got := b.running().Listeners["InboundMail"].Certificates[0]; got != "other" {
		t.Errorf("the listener has %q", got)
	}
}

func TestPassphrase(t *testing.T) {
	b := newBench(t)
	ref := config.PassphraseRef("admin")
	before := b.running().Refs[ref]
	b.fails("passphrase; commit -y", "wrong\n", "Invalid passphrase: that is not the present one.")
	b.fails("passwd; commit -y", benchPassphrase+"\nshort\n", "at least 8 characters")
	b.fails("passphrase; commit -y", benchPassphrase+"\nlong enough\nbut different\n", "differ")
	b.fails("passphrase newsecret", "", "takes no words")
	out := b.script(0, "passphrase", benchPassphrase, "a new passphrase", "a new passphrase", "showchanges", "commit -y")
	contains(t, out, "Old Passphrase: ", "New Passphrase: ", "Retype new Passphrase: ", "users.admin.passphrase: ", "Changes committed")
	if strings.Contains(out, "a new passphrase") || b.running().Refs[ref] == before {
		t.Errorf("the passphrase was shown or not stored:\n%s", out)
	}
	b.exec(0, "passphrase; commit -y", "a new passphrase\n"+benchPassphrase+"\n"+benchPassphrase+"\n")
}

// Whoever owns the machine has lost the passphrase and sets a new one.
func TestPassphraseAtTheConsole(t *testing.T) {
	b := newBench(t)
	before := b.running().Refs[config.PassphraseRef("admin")]
	out := b.console("passphrase\na new passphrase\na new passphrase\ncommit -y\n")
	if strings.Contains(out, "Old Passphrase") {
		t.Errorf("the old one is asked for:\n%s", out)
	}
	contains(t, out, "New Passphrase: ", "Retype new Passphrase: ", "Changes committed: ")
	if b.running().Refs[config.PassphraseRef("admin")] == before {
		t.Error("the passphrase is the old one")
	}
	b.exec(0, "passphrase; commit -y", "a new passphrase\n"+benchPassphrase+"\n"+benchPassphrase+"\n")
}

func TestStampSaysGMT(t *testing.T) {
	at := time.Date(2026, 3, 1, 6, 9, 8, 0, time.UTC)
	if got := stamp(at); got != "Sun Mar 01 06:09:08 2026 GMT" {
		t.Error(got)
	}
	if got := stamp(at.In(time.FixedZone("CET", 3600))); got != "Sun Mar 01 06:09:08 2026 GMT" {
		t.Error(got)
	}
}
