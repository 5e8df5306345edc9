package commands

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/passhash"
	"posthouse/shell"
)

// as works one exec line as a user who came by passphrase.
func (b *bench) as(user string, status int, line, stdin string) (stdout, stderr string) {
	b.t.Helper()
	out, errs, got := shell.RunExecAs(b.t.Context(), b.opts, user, line, stdin)
	if got != status {
		b.t.Fatalf("%s as %s: exit status %d, want %d\nstdout: %s\nstderr: %s", line, user, got, status, out, errs)
	}
	return out, errs
}

// opens says whether pass is the passphrase of a user of the running configuration.
func (b *bench) opens(user, pass string) bool {
	hash, err := b.a.Config.Vault().Get(b.running().Refs[config.PassphraseRef(user)])
	return err == nil && passhash.Verify(string(hash), pass)
}

func TestUserConfig(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "userconfig", "new", "bob", "Bob Beispiel", "2", "n", "open sesame 42", "", "commit -y", "exit")
	contains(t, out, "Users:\n1. admin - \"Administrator\" (admin)\nExternal authentication: Disabled\n\nChoose the operation you want to perform:\n"+
		"- NEW - Create a new account.\n- EDIT - Modify an account.\n- DELETE - Remove an account.\n- POLICY - Change passphrase and account policy settings.\n"+
		"- PASSPHRASE - Change the passphrase for an account.\n- ROLE - Create/modify user roles.\n- STATUS - Change the account status.\n[]> ",
		"1. Administrators - ", "User bob created.", "2. bob - \"Bob Beispiel\" (operator)\n")
	if !b.opens("bob", "open sesame 42") || strings.Contains(out, "sesame") {
		t.Error("the passphrase is not the one that was entered, or is shown")
	}
	out = b.exec(0, `userconfig new carol Help-Desk "Carol" generate; commit -y`, "")
	made := regexp.MustCompile(`shown this once: (\S+)`).FindStringSubmatch(out)
	if made == nil || !b.opens("carol", made[1]) || b.running().Users["carol"].Role != config.RoleHelpDesk {
		t.Errorf("generated:\n%s", out)
	}
	contains(t, b.exec(0, "userconfig list --json", ""), `"name": "bob"`, `"role": "operator"`, `"status": "active"`, `"lockouts": []`)
	b.exec(0, `userconfig edit bob role read-only full_name "B. B." must_change on; userconfig status carol lock; commit -y`, "")
	if u := b.running().Users["bob"]; u.Role != config.RoleReadOnly || u.FullName != "B. B." || !u.MustChange || !b.running().Users["carol"].Locked {
		t.Errorf("edited: %+v", u)
	}
	contains(t, b.exec(0, "userconfig list", ""), "3. carol - \"Carol\" (helpdesk) (locked)\n")
	contains(t, b.exec(0, "userconfig status carol", ""), "The account carol is locked.")
	b.script(0, "userconfig", "status", "carol", "y", "role", "2", "5", "edit", "bob", "", "", "n", "n", "", "commit -y")
	if u := b.running().Users; u["carol"].Locked || u["bob"].Role != config.RoleTechnician || u["bob"].MustChange {
		t.Errorf("changed: %+v", u["bob"])
	}
	b.script(0, "userconfig", "delete", "3", "y", "", "commit -y")
	if b.running().Users["carol"] != nil || b.running().Refs[config.PassphraseRef("carol")] != "" {
		t.Error("carol is still there")
	}
	contains(t, b.exec(0, "userconfig role", ""), "technician", "Technicians", "bob")
}

// An account that is deleted and made anew in one commit has nothing of the former one.
func TestUserMadeAnew(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new bob operator "Bob"; commit -y`, "a first passphrase\n")
	first := b.running().Refs
	b.exec(0, `userconfig delete bob; userconfig new bob operator "Bob"; commit -y`, "a second passphrase\n")
	for _, past := range passphrasesOf(b.a, b.running(), "bob") {
		hash, err := b.a.Config.Vault().Get(first[config.PassphraseRef("bob")])
		if err != nil || past.hash == string(hash) {
			t.Errorf("the new account has the old passphrase in its history (%v)", err)
		}
	}
}

func TestUserConfigRefuses(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new bob admin "Bob" generate; commit -y`, "")
	for line, want := range map[string]string{
		`userconfig new bob guest "Bob"`:                          "exists already",
		`userconfig new BOB guest "Bob"`:                          "exists already",
		`userconfig new "a b" guest "Bob"`:                        "not a name",
		`userconfig new dave king "Dave"`:                         "Invalid role \"king\"",
		`userconfig new dave guest "Dave" sesame123`:              "only generate may stand there",
		`userconfig new dave guest "Dave"`:                        "the input ended at the question",
		`userconfig role nobody guest`:                            "Unknown user",
		`userconfig role bob`:                                     "takes a user and a role",
		`userconfig lock bob`:                                     "accepted are list, new, edit, delete, role, status, passphrase, twofactor, policy. It stands in: userconfig status NAME [lock|unlock]",
		`userconfig delte bob`:                                    "twofactor, policy. The nearest is delete.",
		`userconfig remove bob`:                                   "twofactor, policy. The word for it is delete.",
		`userconfig frobnicate`:                                   "twofactor, policy.\n",
		`userconfig status bob frozen`:                            "Invalid status",
		`userconfig delete admin`:                                 "your own account",
		`userconfig status admin lock`:                            "your own account",
		`userconfig status bob lock; userconfig role admin guest`: "at least one administrator is needed",
		`userconfig policy min_length 7`:                          "Invalid min_length",
		`userconfig policy max_age 1000`:                          "Invalid max_age",
		`userconfig twofactor bob maybe`:                          "Invalid value",
		`userconfig passphrase bob`:                               "the input ended at the question",
	} {
		b.fails(line, "", want)
	}
	// The last administrator stays, also when two sessions take the other's rights at once.
	one, two := b.a.Config.Candidate(), b.a.Config.Candidate()
	delete(one.Config.Users, "bob")
	two.Config.Users["admin"].Role = config.RoleGuest
	if _, err := b.a.Config.Commit(t.Context(), one, config.Author{User: "admin"}, "", false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Config.Commit(t.Context(), two, config.Author{User: "bob"}, "", false); err == nil || !strings.Contains(err.Error(), "at least one administrator") {
		t.Errorf("the last administrator goes: %v", err)
	}
}

func TestPassphraseRules(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new roberta guest "R" generate; userconfig policy min_length 10 cases on digit on special on history 3; commit -y`, "")
	for pass, want := range map[string]string{
		"Ab1!":                  "at least 10 characters",
		"abcdefgh1!":            "an upper case letter is needed",
		"ABCDEFGHIJ":            "a lower case letter, a digit and a special character are needed",
		"A1!roberTa-x":          "it holds the user name",
		"A1!4treb0R-x":          "it holds the user name",
		"Password1234!":         "everybody tries",
		"P@ssw0rd2026!":         "everybody tries",
		"Aa1!Aa1!Aa1!" + "\x07": "control",
	} {
		b.fails("userconfig passphrase roberta", pass+"\n", want)
	}
	for _, pass := range []string{"One fine day 1", "Two fine days 2", "Three fine days 3"} {
		b.exec(0, "userconfig passphrase roberta; commit -y", pass+"\n")
	}
	b.fails("userconfig passphrase roberta", "One fine day 1\n", "one of the last 3")
	b.fails("userconfig passphrase roberta", "Three fine days 3\n", "one of the last 3")
	b.exec(0, "userconfig passphrase roberta; commit -y", "Four fine days 4\n")
	b.exec(0, "userconfig passphrase roberta; commit -y", "One fine day 1\n")
	contains(t, b.exec(0, "userconfig policy show --json", ""), `"min_length": 10`, `"history": 3`, `"lockout_attempts": 5`)
	contains(t, b.exec(0, "userconfig policy show", ""), "Require a digit? Yes")
	for _, rules := range []config.Passphrases{{}, {MinLength: 40, Cases: true, Digit: true, Special: true}} {
		text := generatePassphrase(rules)
		if err := checkPassphrase(b.a, &config.Config{Passphrases: rules}, "roberta", text); err != nil {
			t.Errorf("generated %q: %v", text, err)
		}
	}
	b.script(0, "userconfig", "policy", "4", "20", "12", "n", "n", "n", "0", "90", "y", "", "commit -y")
	if got, want := b.running().Passphrases, (config.Passphrases{MinLength: 12, MaxAge: 90, Reset: true}); got != want || b.running().Shell.LockoutAttempts != 4 {
		t.Errorf("the rules are %+v", got)
	}
}

func TestWellKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"password": true, "PASSWORT2026": true, "p4ssw0rd!!": true, "12345678": true, "aaaaaaaa": true, "abababab": true, "1q2w3e4r": true, "Qwertz123": true,
		"correct horse battery": false, "open sesame 42": false, "xkcd-936-xkcd-937": false, "passwordless sudo": false,
	} {
		if wellKnown(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

// A slip in what is not shown asks again and loses nothing: neither the account nor the secret that is in the telephone by then.
func TestSecretsAskedAgain(t *testing.T) {
	b := newBench(t)
	b.a.Codes = &knowing{t: t, CodeBook: shell.NewCodeBook("", nil)}
	screen := shell.RunTyped(t.Context(), b.opts, "userconfig\rnew\rbob\rBob\r2\rn\rshort\rsinging kettle 3\rother kettle 3\rsinging kettle 3\rsinging kettle 3\r"+
		"edit\rbob\r\r\r\ry\r000000\rright\rstatus\rbob\r\r\rcommit -y\rexit\r", 80, 24)
	contains(t, screen, "Invalid passphrase: at least 8 characters", "the two new ones differ", "User bob created.", "Invalid code:",
		"Enter the code that the application shows now:", "A code of an authenticator application is needed to log in.", "Changes committed")
	if !b.opens("bob", "singing kettle 3") || !b.running().Users["bob"].TwoFactor {
		t.Errorf("after slips:\n%s", screen)
	}
}

// A passphrase that has to be changed is changed before anything else, and at once.
func TestForcedPassphrase(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig policy reset on; userconfig new bob operator "Bob"; commit -y`, "first of hers 1\n")
	const refused = "Error: your passphrase must be changed first: log in at a terminal, or enter passphrase.\n"
	if _, errs := b.as("bob", 1, "version", ""); errs != refused {
		t.Errorf("version: %q", errs)
	}
	screen := shell.RunTypedAs(t.Context(), b.opts, "bob", "short\rsecond of hers 2\rother of hers 2\rsecond of hers 2\rsecond of hers 2\rwhoami\rexit\r", 80, 24)
	contains(t, screen, "Your passphrase must be changed before you go on.", "New Passphrase:", "Invalid passphrase: at least 8 characters",
		"Retype new Passphrase:", "the two new ones differ", "Your passphrase is changed.", "mail.example.com> ", "Username:   bob")
	if !b.opens("bob", "second of hers 2") || b.running().Users["bob"].MustChange || strings.Contains(screen, "second of hers") {
		t.Errorf("the passphrase is the old one, or is shown:\n%s", screen)
	}
	b.as("bob", 0, "version", "")

	// In exec, passphrase itself is let through.
	b.exec(0, "userconfig passphrase bob; commit -y", "third of hers 3\n")
	b.as("bob", 0, "passphrase; version", "third of hers 3\nfourth of hers 4\nfourth of hers 4\n")
	if !b.opens("bob", "fourth of hers 4") {
		t.Error("passphrase in exec changed nothing")
	}

	// One that is too old, or whose age nobody knows.
	b.exec(0, "userconfig policy max_age 30; commit -y", "")
	b.as("bob", 0, "version", "")
	if _, errs := b.as("admin", 1, "version", ""); errs != refused {
		t.Errorf("of an unknown age: %q", errs)
	}
	if c := b.running(); !passphraseTooOld(b.a, c, "bob", time.Now().Add(31*day)) || passphraseTooOld(b.a, c, "bob", time.Now().Add(29*day)) {
		t.Error("the age is not counted in days")
	}
	// Ctrl-C ends the session.
	b.exec(0, "userconfig edit bob must_change on; commit -y", "")
	if screen := shell.RunTypedAs(t.Context(), b.opts, "bob", "\x03whoami\rexit\r", 80, 24); strings.Contains(screen, "mail.example.com> ") {
		t.Errorf("an interrupt leads to the prompt:\n%s", screen)
	}
}

// A commit that waits for its confirmation, whoever's, hinders no forced passphrase and is not confirmed by one.
func TestForcedPassphraseBesideAWait(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new bob operator "Bob"; commit -y`, "first of hers 1\n")
	b.exec(0, "userconfig edit bob must_change on; commit confirmed 1", "")
	forced := func(n string) {
		screen := shell.RunTypedAs(t.Context(), b.opts, "bob", "hers again "+n+"\rhers again "+n+"\rexit\r", 80, 24)
		contains(t, screen, "Your passphrase must be changed before you go on.", "Your passphrase is changed.", "mail.example.com> ")
	}
	forced("2")
	b.exec(0, "commit; userconfig edit bob must_change on; commit -y", "")
	b.as("bob", 1, "version", "")
	forced("3")
	b.as("bob", 0, "smtproutes new x.example 192.0.2.1; commit confirmed 1", "")
	b.exec(0, "userconfig edit bob must_change on; commit -y", "")
	forced("4")
	if w, ok := b.a.Config.Waiting(); !ok || !w.By("bob") || !b.opens("bob", "hers again 4") {
		t.Errorf("what waits is %v, %v", w, ok)
	}
}

// Who may not commit has a passphrase all the same.
func TestOwnPassphraseWithoutCommit(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new greta guest "Greta"; commit -y`, "first of g 1\n")
	offered := len(b.a.Config.Previous())
	out, _ := b.as("greta", 0, "passphrase", "first of g 1\nsecond of g 2\nsecond of g 2\n")
	if !strings.Contains(out, "Your passphrase is changed.") || !b.opens("greta", "second of g 2") {
		t.Errorf("changed nothing: %s", out)
	}
	if got := len(b.a.Config.Previous()); got != offered {
		t.Errorf("%d configurations are offered for rollback, %d were before", got, offered)
	}
	for i := 2; i < changesADay; i++ {
		b.as("greta", 0, "passphrase", fmt.Sprintf("second of g %d\nsecond of g %d\nsecond of g %d\n", i, i+1, i+1))
	}
	commits := len(b.a.Config.Revisions())
	if _, errs := b.as("greta", 1, "passphrase", "second of g 5\nsixth of g 6\nsixth of g 6\n"); !strings.Contains(errs, "5 times a day") {
		t.Errorf("the sixth change: %q", errs)
	}
	if len(b.a.Config.Revisions()) != commits || !b.opens("greta", "second of g 5") {
		t.Error("a refused change is committed")
	}
	b.as("admin", 0, "passphrase; commit -y", benchPassphrase+"\nanother of his 2\nanother of his 2\n")
	if !b.opens("admin", "another of his 2") {
		t.Error("an administrator's is not changed by commit")
	}
}

// codeAt works out a code on its own, from RFC 4226.
func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}

// knowing accepts the code of whatever secret is asked about, once.
type knowing struct {
	t *testing.T
	*shell.CodeBook
}

func (k *knowing) Accept(user, secret, code string, now time.Time) error {
	if code == "right" {
		code = codeAt(k.t, secret, now)
	}
	return k.CodeBook.Accept(user, secret, code, now)
}

func TestTwoFactorSetUp(t *testing.T) {
	b := newBench(t)
	b.a.Codes = &knowing{t: t, CodeBook: shell.NewCodeBook("", nil)}
	b.exec(0, `userconfig new bob operator "Bob" generate; commit -y`, "")
	b.fails("userconfig twofactor bob on; commit -y", "000000\n", "Invalid code")
	out := b.exec(0, "userconfig twofactor bob on; commit -y", "right\n")
	secret := regexp.MustCompile(`Secret: ([A-Z2-7]{32})\nURI: otpauth://totp/mail\.example\.com:bob\?.*secret=([A-Z2-7]{32})`).FindStringSubmatch(out)
	if secret == nil || secret[1] != secret[2] {
		t.Fatalf("printed\n%s", out)
	}
	stored, err := b.a.Config.Vault().Get(b.running().Refs[config.TwoFactorRef("bob")])
	if err != nil || string(stored) != secret[1] || !b.running().Users["bob"].TwoFactor || strings.Contains(b.settings(), secret[1]) {
		t.Errorf("stored %q (%v)", stored, err)
	}
	contains(t, b.exec(0, "userconfig twofactor bob off; showchanges; commit -y", ""), "two_factor")
	if b.running().Refs[config.TwoFactorRef("bob")] != "" || b.running().Users["bob"].TwoFactor {
		t.Error("the second factor is still there")
	}
	b.script(0, "userconfig", "edit", "bob", "", "", "", "y", "right", "", "commit -y")
	if !b.running().Users["bob"].TwoFactor {
		t.Error("the dialogue sets up no second factor")
	}
}

// What may be a secret never comes into a log or a history.
func TestRedactPeople(t *testing.T) {
	for line, want := range map[string]string{
		"new bob guest Bob sesame":   "new bob guest Bob ...",
		"ne bob guest Bob a b":       "ne bob guest Bob ... ...",
		"new bob guest Bob generate": "new bob guest Bob generate",
		"passphrase bob sesame":      "passphrase bob ...",
		"p bob sesame":               "p bob ...",
		"twofactor bob on 123456":    "twofactor bob on ...",
		"passphrase bob --sesame":    "passphrase bob ...",
		"edit bob passphrase sesame": "edit bob ... ...",
		"edit bob ROLE guest":        "edit bob ROLE guest",
		"status bob lock":            "status bob lock",
		"policy min_length 10":       "policy min_length 10",
		"list":                       "list",
		"policy show":                "policy show",
		"policy policy sesame":       "policy ... ...",
		"status bob lock sesame":     "status bob lock ...",
		"nwe bob guest Bob sesame":   "... ... ... ... ...",
		"--JSON passphrase bob x":    "... ... ... ...",
		"new new bob guest Bob x":    "new new bob guest ... ...",
		"edit edit bob role sesame":  "edit edit ... ... ...",
	} {
		if got := strings.Join(redactUserConfig(strings.Fields(line)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
	var logs []string
	b := newBench(t)
	b.opts.Audit = func(line string) { logs = append(logs, line) }
	b.exec(2, "passphrase sesame; userconfig new dave guest Dave sesame", "sesame\n")
	b.exec(2, "userconfig --json new dave guest Dave sesame; certconfig --json export Demo x.p12 sesame; certconfig export --json Demo x.p12 sesame", "")
	b.exec(2, "userconfig --json --json new dave guest Dave sesame; certconfig --json export --json --json Demo x.p12 sesame; userconfig --json --JSON new dave guest Dave sesame", "")
	b.exec(0, "userconfig new dave guest Dave; userconfig passphrase dave; commit -y", "sesame in vault\nsesame again 2\n")
	if text := strings.Join(logs, "\n"); strings.Contains(text, "sesame") || !strings.Contains(text, "entered 'userconfig new dave guest Dave'") {
		t.Errorf("logged\n%s", text)
	}
}

// An operator puts nothing in force that only an administrator may give.
func TestOperatorsCommitNoRights(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new olga operator "Olga" generate; userconfig new rita readonly "Rita" generate; commit -y`, "")
	b.as("olga", 0, "sethostname mail2.example.com; commit -y", "")
	for _, line := range []string{"userconfig list", "sshconfig userkey list", "userconfig"} {
		b.as("olga", 1, line, "")
		b.as("rita", 1, line, "")
	}
	if _, errs := b.as("rita", 1, "sethostname mail3.example.com; showchanges; commit check; commit -y", ""); !strings.Contains(errs, "Error: your role does not permit commit -y.\n") {
		t.Errorf("a reader commits: %s", errs)
	}
	before := b.running()
	for name, edit := range map[string]func(c *config.Config){
		"a role":          func(c *config.Config) { c.Users["olga"].Role = config.RoleAdministrator },
		"a user":          func(c *config.Config) { delete(c.Users, "rita") },
		"a key":           func(c *config.Config) { c.Users["olga"].Keys = []string{"x"} },
		"a passphrase":    func(c *config.Config) { c.Refs[config.PassphraseRef("admin")] = "x" },
		"the rules":       func(c *config.Config) { c.Passphrases.History = 3 },
		"the lockouts":    func(c *config.Config) { c.Shell.LockoutAttempts = 999 },
		"a second factor": func(c *config.Config) { c.Users["olga"].TwoFactor = true },
	} {
		c := before.Clone()
		edit(c)
		if sameRights(before, c, "olga") {
			t.Errorf("%s counts for nothing", name)
		}
	}
	c := before.Clone()
	c.Refs[config.PassphraseRef("olga")], c.Users["olga"].MustChange, c.Hostname = "x", true, "other.example.com"
	if !sameRights(before, c, "olga") {
		t.Error("her own passphrase counts as somebody's rights")
	}
}

// Nor does an operator cancel what an administrator plans to give or to take; anything else an operator may cancel.
func TestOperatorsCancelNoRights(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new olga operator "Olga" generate; commit -y`, "")
	b.exec(0, `userconfig role olga guest; commit at +2h; sethostname other.example; commit at +3h`, "")
	if _, errs := b.as("olga", 1, "commit at cancel 1", ""); !strings.Contains(errs, "Error: planned commit 1 changes users, their rights or the way in; only an administrator may cancel it.") {
		t.Errorf("an operator cancels: %s", errs)
	}
	b.as("olga", 1, "commit at cancel 9", "")
	b.as("olga", 0, "commit at cancel 2", "")
	b.exec(0, "commit at cancel 1", "")
}

func TestUserKeys(t *testing.T) {
	b := newBench(t)
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUFbzPjmgRmGrJjGNq5J5bD9RSBoHa1oBvQf5bFz1Kp"
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVFbzPjmgRmGrJjGNq5J5bD9RSBoHa1oBvQf5bFz1Kp"
	out := b.script(0, "sshconfig", "userkey", "new", key+" ops@example.com", "", "", "", "commit -y")
	contains(t, out, "- USERKEY - Edit SSH User Key settings\n[]> ", "Currently installed keys for admin:\nChoose the operation you want to perform:\n"+
		"- NEW - Add a new key.\n- USER - Switch to a different user to edit.\n[]> ",
		"Please enter the public SSH key for authorization.\nPress enter on a blank line to finish.\n",
		"Currently installed keys for admin:\n1. ssh-ed25519 AAAAC3NzaC1lZDI1NTE5...vQf5bFz1Kp (ops@example.com)\n", "- DELETE - Remove a key.\n- PRINT - Display a key.\n")
	if got := b.running().Users["admin"].Keys; len(got) != 1 || got[0] != key+" ops@example.com" {
		t.Errorf("stored %q", got)
	}
	b.exec(0, `userconfig new sma readonly "Management" generate; sshconfig userkey new sma "`+other+` sma" command SMAQuery from 127.0.0.1,192.0.2.0/24; commit -y`, "")
	if got := b.running().Users["sma"].Keys; len(got) != 1 || got[0] != `command="smaquery",from="127.0.0.1,192.0.2.0/24" `+other+" sma" {
		t.Errorf("stored %q", got)
	}
	var list keysDocument
	if err := json.Unmarshal([]byte(b.exec(0, "sshconfig userkey list sma --json", "")), &list); err != nil || len(list.Users) != 1 ||
		len(list.Users[0].Keys) != 1 || list.Users[0].Keys[0].Command != "smaquery" || len(list.Users[0].Keys[0].From) != 2 {
		t.Errorf("listed %+v (%v)", list, err)
	}
	contains(t, b.exec(0, "sshconfig userkey print sma 1", ""), `command="smaquery"`, "Fingerprint: SHA256:")
	for line, want := range map[string]string{
		`sshconfig userkey new sma "` + other + `"`:                    "has this key already",
		`sshconfig userkey new sma "` + key + `" command nothing`:      "Unknown command",
		`sshconfig userkey new sma "` + key + `" from nowhere`:         "not an address or a CIDR block",
		`sshconfig userkey new sma "ssh-ed25519 AAAA"`:                 "not a public key",
		`sshconfig userkey new sma "ssh-dss AAAAB3NzaC1kc3MAAAABAA=="`: "cannot be read",
		`sshconfig userkey new nobody "` + key + `"`:                   "Unknown user",
		`sshconfig userkey delete sma 2`:                               "Invalid key",
		`sshconfig userkey print nobody 1`:                             "Unknown user",
		`sshconfig userkey new sma "environment=\"A=b\" ` + key + `"`:  "not known",
	} {
		b.fails(line, "", want)
	}
	b.script(0, "sshconfig", "userkey", "user", "sma", "delete", "1", "", "", "commit -y")
	if len(b.running().Users["sma"].Keys) != 0 {
		t.Error("the key is still there")
	}
	b.exec(0, "sshconfig userkey delete admin 1; commit -y", "")
}

func TestSMAQuery(t *testing.T) {
	b := newBench(t)
	b.exec(0, "destconfig new partner.example tls required-verify; commit -y", "")
	var d SMADocument
	if err := json.Unmarshal([]byte(b.exec(0, "smaquery", "")), &d); err != nil {
		t.Fatal(err)
	}
	if d.Version != 1 || d.Identity.Serial != b.a.About.Serial || d.Identity.Hostname != "mail.example.com" || len(d.Interfaces) != 1 ||
		len(d.Interfaces[0].Ports) != 3 || d.Quarantine.Enabled || d.Quarantine.Interface != nil || len(d.Listeners) != 2 ||
		len(d.Destinations.Controls) != 2 || d.Destinations.Controls[0].TLS != "required-verify" || d.Destinations.Controls[0].Concurrency != 500 ||
		len(d.Certificates) != 1 || d.Certificates[0].NotAfter == nil || d.Counters == nil || d.Gauges == nil || d.System == nil {
		t.Errorf("got %+v", d)
	}
	var some SMADocument
	out := b.exec(0, "smaquery Listeners cert", "")
	if err := json.Unmarshal([]byte(out), &some); err != nil || some.Identity != nil || some.Counters != nil || some.Listeners == nil || some.Certificates == nil {
		t.Errorf("two sections: %v\n%s", err, out)
	}
	contains(t, b.exec(0, "smaquery quarantine", ""), `"interface": null`, `"port": null`)
	b.fails("smaquery nothing", "", "Invalid section")
	b.exec(0, `userconfig new greta guest "Greta" generate; commit -y`, "")
	b.as("greta", 1, "smaquery", "")
}

// What a role may not type in one line it may not do in a dialogue either.
func TestRolesInDialogues(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", mailLogType, "one line")
	b.log("cli_logs", "CLI Audit Logs", "a secret line")
	b.exec(0, `userconfig new rita readonly "Rita" generate; userconfig new greta guest "Greta" generate; userconfig new hanna helpdesk "Hanna" generate; commit -y`, "")
	for _, c := range []struct{ user, line, stdin, want string }{
		{"rita", "destconfig", "export\nfile.ini\n", "Error: your role does not permit destconfig export."},
		{"rita", "smtproutes new a.example 192.0.2.1; smtproutes", "export\nfile\n", "Error: your role does not permit smtproutes export."},
		{"rita", "certconfig", "certificate\nexport\n1\n", "Error: your role does not permit certconfig export."},
		{"rita", "certconfig", "certauthority\nsystem\nexport\n", "Error: your role does not permit certconfig authority custom export."},
		{"rita", "listenerconfig", "edit\n1\nhostaccess\nexport\nfile\n", "Error: your role does not permit listenerconfig edit InboundMail hostaccess export."},
		{"greta", "workqueue", "pause\ny\nbecause\n", "Error: your role does not permit workqueue pause."},
		{"hanna", "grep", "2\n", "your role does not permit grep cli_logs."},
		{"hanna", "findevent", "1\nx\ncli\n", "your role does not permit findevent cli_logs."},
		{"hanna", "tail", "cli_logs\n", "Error: your role does not permit tail cli_logs."},
	} {
		out, errs, status := shell.RunExecAs(t.Context(), b.opts, c.user, c.line, c.stdin)
		if status == 0 || !strings.Contains(errs, c.want) || strings.Contains(out, "secret line") {
			t.Errorf("%s as %s: status %d, %q", c.line, c.user, status, errs)
		}
	}
	if calls := b.engine.called(); calls != "" {
		t.Errorf("the engine was asked for %q", calls)
	}
	if out, errs := b.as("hanna", 0, "grep", "1\nline\nn\nn\nn\nn\n"); !strings.Contains(out, "one line") {
		t.Errorf("a help desk reads no mail log: %q %q", out, errs)
	}
}

// A new passphrase that is refused is a wrong answer like any other: the fifth in a row ends the command (decisions.md).
func TestRefusedPassphrasesEndUserConfig(t *testing.T) {
	b := newBench(t)
	typed := "userconfig\rnew\rbob\rBob\r2\ry\rpassphrase\rbob\rn\r" + strings.Repeat("short\r", 5) + "showchanges\rexit\r"
	contains(t, shell.RunTyped(t.Context(), b.opts, typed, 100, 60), "User bob created.", "Enter the passphrase for bob: ",
		"Invalid passphrase: at least 8 characters are needed.", "Error: 5 wrong answers in a row; the command ends and nothing is changed.",
		"mail.example.com> showchanges", "There are no changes", "mail.example.com> exit")
}
