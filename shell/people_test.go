package shell

import (
	"context"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
)

// oneCode accepts one code once.
type oneCode struct{ code string }

func (o *oneCode) Accept(_, secret, code string, _ time.Time) error {
	if secret != "a secret" || code != o.code || code == "" {
		return ErrCodeWrong
	}
	o.code = ""
	return nil
}

// edit changes a user of the running configuration.
func (a *appliance) edit(user string, change func(*config.User)) {
	c := a.store.Running().Config.Clone()
	change(c.Users[user])
	a.store.set(c)
}

// settings puts other settings of the shell in the place of the running ones.
func (a *appliance) settings(settings config.Shell) {
	c := a.store.Running().Config.Clone()
	c.Shell = settings
	a.store.set(c)
}

func TestTwoFactors(t *testing.T) {
	codes := &oneCode{}
	a := startServer(t, func(o *Options) {
		o.Codes = codes
		secrets := o.Secrets.(fakeSecrets)
		secrets["totp"] = "a secret"
	})
	a.store.snap.Config.Refs[config.TwoFactorRef("bob")] = "totp"
	a.edit("bob", func(u *config.User) { u.TwoFactor = true })
	answers := func(list ...string) gossh.AuthMethod {
		return gossh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			if len(questions) == 0 {
				return nil, nil
			}
			answer := "nothing"
			if len(list) > 0 {
				answer, list = list[0], list[1:]
			}
			return []string{answer}, nil
		})
	}
	key := gossh.PublicKeys(a.keys["bob"])
	for name, c := range map[string]struct {
		auth []gossh.AuthMethod
		in   bool
	}{
		"a password":                   {[]gossh.AuthMethod{gossh.Password(testPass)}, false},
		"a key":                        {[]gossh.AuthMethod{key}, false},
		"a password asked for":         {[]gossh.AuthMethod{answers(testPass)}, false},
		"a code without a password":    {[]gossh.AuthMethod{answers("123456")}, false},
		"a wrong password and a code":  {[]gossh.AuthMethod{answers("falsch", "123456")}, false},
		"a password and a wrong code":  {[]gossh.AuthMethod{answers(testPass, "000000")}, false},
		"a password asked for, a code": {[]gossh.AuthMethod{answers(testPass, "123456")}, true},
		"a password, then a code":      {[]gossh.AuthMethod{gossh.Password(testPass), answers("123456")}, true},
		"a key, then a code":           {[]gossh.AuthMethod{key, answers("123456")}, true},
		"a key, then the password":     {[]gossh.AuthMethod{key, answers(testPass)}, false},
	} {
		a.lock.clear("bob")
		codes.code = "123456"
		client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob", c.auth...))
		if (err == nil) != c.in {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			client.Close()
			if codes.code != "" {
				t.Errorf("%s: no code was taken", name)
			}
		}
	}
	// Where a key may come from is its second factor.
	a.edit("bob", func(u *config.User) { u.Keys = []string{`from="127.0.0.0/8" ` + strings.TrimSpace(u.Keys[0])} })
	a.dial(t, a.config("bob", key))
	// Others are not asked.
	a.dial(t, a.config("admin", answers(testPass)))
}

// Wrong codes lock out as wrong passwords do, and the right password between them does not make up for them.
func TestCodesLockOut(t *testing.T) {
	codes := &oneCode{code: "123456"}
	a := startServer(t, func(o *Options) {
		o.Codes = codes
		o.Secrets.(fakeSecrets)["totp"] = "a secret"
	})
	c := a.store.snap.Config
	c.Refs[config.TwoFactorRef("bob")] = "totp"
	c.Shell = config.Shell{LockoutAttempts: 3, LockoutMinutes: 7}
	a.edit("bob", func(u *config.User) { u.TwoFactor = true })
	try := func(code string) error {
		given := []string{testPass, code}
		client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob", gossh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			if len(q) == 0 || len(given) == 0 {
				return nil, nil
			}
			answer := given[0]
			given = given[1:]
			return []string{answer}, nil
		})))
		if err == nil {
			client.Close()
		}
		return err
	}
	for range 3 {
		if try("000000") == nil {
			t.Fatal("a wrong code lets in")
		}
	}
	a.logs.wait(t, "The user bob from 127.0.0.1 is locked out for 7 minutes.")
	if try("123456") == nil {
		t.Error("a lockout lets in")
	}
	s := newSession(&a.opts, identity{user: "admin", method: methodConsole}, exec)
	if list := s.Lockouts("bob"); len(list) != 1 || list[0].Source != "127.0.0.1" {
		t.Errorf("locked out from %v", list)
	}
	s.EndLockouts("bob")
	if err := try("123456"); err != nil || len(s.Lockouts("bob")) != 0 {
		t.Errorf("after the lockout: %v", err)
	}
}

// Whoever sits at an open session guesses the passphrase no more often than at the door, and the right one makes up for wrong
// ones as it does there: of a user with two factors it is not enough.
func TestTryPassphraseLocksOut(t *testing.T) {
	a := startServer(t, nil)
	a.settings(config.Shell{LockoutAttempts: 3, LockoutMinutes: 7})
	s := newSession(&a.opts, identity{user: "bob", remote: "192.0.2.9", method: methodKey}, exec)
	wrong, right := func() bool { return false }, func() bool { return true }
	try := func(times int) {
		t.Helper()
		for range times {
			if err := s.TryPassphrase(wrong); err == nil || err.Error() != "Invalid passphrase: that is not the present one." {
				t.Fatal(err)
			}
		}
		if err := s.TryPassphrase(right); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		try(2)
	}
	a.edit("bob", func(u *config.User) { u.TwoFactor = true })
	try(2)
	if err := s.TryPassphrase(wrong); err == nil {
		t.Error("a wrong one is right")
	}
	a.logs.wait(t, "The user bob from 192.0.2.9 is locked out for 7 minutes.")
	if err := s.TryPassphrase(right); err == nil || !strings.HasPrefix(err.Error(), "Error: passphrases of bob from 192.0.2.9 are refused until ") {
		t.Errorf("during a lockout: %v", err)
	}
	if list := s.Lockouts("bob"); len(list) != 1 || list[0].Source != "192.0.2.9" {
		t.Errorf("locked out from %v", list)
	}
	if err := s.EndLockouts("bob"); err != nil {
		t.Error(err)
	}
	if err := s.TryPassphrase(right); err != nil {
		t.Error(err)
	}
}

func TestBoundKey(t *testing.T) {
	a := startServer(t, func(o *Options) {
		o.Table = append(o.Table, &Command{Name: "smaquery", Roles: Readers, Run: func(_ context.Context, s *Session, args []string) error {
			s.Println("answers", len(args))
			return nil
		}})
	})
	a.edit("bob", func(u *config.User) {
		u.Role = config.RoleReadOnly
		u.Keys = []string{`command="smaquery",from="127.0.0.1" ` + strings.TrimSpace(u.Keys[0])}
	})
	client := a.dial(t, a.config("bob"))
	for line, want := range map[string]string{
		"smaquery": "answers 0\n", "smaquery a b": "answers 2\n", "smaq x | count": "Count: 1 lines\n",
		"version": "", "smaquery; version": "answers 0\n", "help": "", "": "",
	} {
		out, errs, status := execRequest(t, client, line, "", false)
		refused := strings.Contains(line, "version") || line == "help"
		if out != want || refused != strings.Contains(errs, "Error: this key may run smaquery only.") || (status == 0) == refused {
			t.Errorf("%q: status %d, %q, %q", line, status, out, errs)
		}
	}
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("vt100", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, _ := out.Read(text)
	if err := s.Wait(); err != nil || string(text[:n]) != "answers 0\r\n" {
		t.Errorf("a shell request: %v, %q", err, text[:n])
	}
	a.edit("bob", func(u *config.User) { u.Keys = []string{strings.Replace(u.Keys[0], "127.0.0.1", "192.0.2.1", 1)} })
	if client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob")); err == nil {
		client.Close()
		t.Error("the key is taken from elsewhere")
	}
}

func TestLockedUser(t *testing.T) {
	a := startServer(t, nil)
	m := openTerm(t, a.dial(t, a.config("bob")), 80, 24)
	m.until(prompt1)
	a.edit("bob", func(u *config.User) { u.Locked = true })
	m.typeIn("version\r")
	m.until("Error: the account \"bob\" is locked; the session ends.\r\n")
	m.s.Wait()
	for _, auth := range []gossh.AuthMethod{gossh.PublicKeys(a.keys["bob"]), gossh.Password(testPass)} {
		if client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob", auth)); err == nil {
			client.Close()
			t.Error("a locked account lets in")
		}
	}
	a.logs.wait(t, "The account of the user bob is locked; the right password from 127.0.0.1 was refused.")
}

// What a role does not permit is refused, logged, and neither listed nor proposed; a change of role holds at once.
func TestRoles(t *testing.T) {
	store := newStore()
	store.snap.Config.Users["bob"] = &config.User{Role: config.RoleGuest}
	logs := &logged{more: make(chan struct{})}
	opts := testOptions()
	opts.Config, opts.Audit = store, logs.add
	run := func(context.Context, *Session, []string) error { return nil }
	opts.Table = append(opts.Table,
		&Command{Name: "look", Summary: "Look.", Roles: Readers | Guest, RolesFor: func(args []string) Roles {
			if len(args) > 0 && args[0] == "act" {
				return Operators
			}
			return Readers | Guest
		}, Run: func(_ context.Context, s *Session, args []string) error {
			if len(args) == 0 {
				return s.Permit("act")
			}
			return nil
		}, Complete: func(*Session, []string) []string { return []string{"act"} }},
		&Command{Name: "act", Summary: "Act.", Roles: Operators, Batch: []string{"act now [NAME]"}, Run: run},
	)
	opts.Table[len(opts.Table)-2].Batch = []string{"look now [NAME]"}
	as := func(line string) (string, string, int) { return RunExecAs(t.Context(), opts, "bob", line, "") }
	for line, want := range map[string]string{
		"look now": "", "look act": "Error: your role does not permit look act.\n", "look": "Error: your role does not permit look act.\n",
		"act": "Error: your role does not permit act.\n", "help act": "Error: your role does not permit act.\n", "act ?": "Error: your role does not permit act.\n",
		"act now ?": "Error: your role does not permit act.\n", "look now ?": "",
		"rename": "Error: your role does not permit rename.\n",
	} {
		if _, errs, status := as(line); errs != want || (status == 0) != (want == "") {
			t.Errorf("%s: status %d, %q", line, status, errs)
		}
	}
	logs.wait(t, "User bob from 127.0.0.1 entered 'look act'")
	logs.wait(t, "'look' ended: refused")
	if out, _, _ := as("help"); strings.Contains(out, "rename") || !strings.Contains(out, "look") || !strings.Contains(out, "exit") {
		t.Errorf("help lists\n%s", out)
	}
	s := newSession(&opts, identity{user: "bob", method: methodPassword}, exec)
	if got := strings.Join(s.completeMain(""), " "); got != "exit help look set" {
		t.Errorf("proposed are %s", got)
	}
	if got := s.completeMain("act "); got != nil {
		t.Errorf("proposed are %v", got)
	}
	if !s.MayRun("look", "now") || s.MayRun("look", "act") || s.MayRun("nothing") {
		t.Error("MayRun says something else than the table")
	}
	store.set(&config.Config{Users: map[string]*config.User{"bob": {Role: config.RoleOperator}}})
	if _, errs, status := as("look act; act"); status != 0 {
		t.Errorf("as an operator: %s", errs)
	}
}

// The gate and the greeting come before commands.
func TestGate(t *testing.T) {
	opts := testOptions()
	opts.Gate = func(s *Session, cmd *Command) error {
		if cmd.Name != "set" {
			return Fail("Error: first set something.")
		}
		return nil
	}
	if _, errs, status := RunExec(t.Context(), opts, "set; version", ""); status != 1 || errs != "Error: first set something.\n" {
		t.Errorf("status %d, %q", status, errs)
	}
	if out, errs, status := RunExec(t.Context(), opts, "set paging ?; version x ?", ""); status != 1 || errs != "Error: first set something.\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	opts.Gate = nil
	opts.Greet = func(_ context.Context, s *Session) error {
		secret, err := s.Secret("New Passphrase:")
		if err != nil || secret == "no" {
			return Fail("Error: that is not one.")
		}
		return nil
	}
	if out := RunTyped(t.Context(), opts, "yes\rversion\rexit\r", 80, 24); !strings.Contains(out, "Version: 1.0.0") {
		t.Errorf("the screen is %q", out)
	}
	for _, typed := range []string{"no\rversion\rexit\r", "\x03version\rexit\r"} {
		if out := RunTyped(t.Context(), opts, typed, 80, 24); strings.Contains(out, "Version: 1.0.0") || strings.Contains(out, "mail.example.com>") {
			t.Errorf("%q: the screen is %q", typed, out)
		}
	}
	if out, _ := RunLines(t.Context(), opts, "version\n"); !strings.Contains(out, "Version: 1.0.0") {
		t.Errorf("a script is greeted: %q", out)
	}
}
