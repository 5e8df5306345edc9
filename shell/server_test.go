package shell

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"posthouse/config"
	"posthouse/internal/passhash"
)

const testPass = "kein Geheimnis"

// appliance is a running server with one port and two users, admin and bob.
type appliance struct {
	*Server
	store *fakeStore
	keys  map[string]gossh.Signer // by user
	logs  *logged
}

// logged collects log lines and lets a test wait for one.
type logged struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func (l *logged) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// wait returns when a line holds want.
func (l *logged) wait(t *testing.T, want string) {
	t.Helper()
	for {
		l.mu.Lock()
		text, more := strings.Join(l.lines, "\n"), l.more
		l.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-more:
		case <-time.After(20 * time.Second):
			t.Fatalf("no line has %q:\n%s", want, text)
		}
	}
}

type fakeSecrets map[string]string

func (f fakeSecrets) Get(id string) ([]byte, error) { return []byte(f[id]), nil }

var (
	hashOnce = sync.OnceValue(func() string { return passhash.Hash(testPass) })
	keysOnce = sync.OnceValues(func() ([]gossh.Signer, error) {
		var list []gossh.Signer
		for range 3 {
			_, k, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			s, err := gossh.NewSignerFromKey(k)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		return list, nil
	})
)

func startServer(t *testing.T, change func(*Options)) *appliance {
	t.Helper()
	keys, err := keysOnce()
	if err != nil {
		t.Fatal(err)
	}
	a := &appliance{store: newStore(), keys: map[string]gossh.Signer{"admin": keys[1], "bob": keys[2]}, logs: &logged{more: make(chan struct{})}}
	c := a.store.snap.Config
	c.Interfaces = map[string]*config.Interface{"Management": {Address: "127.0.0.1", SSH: true}}
	for user, key := range a.keys {
		c.Users[user] = &config.User{Role: "admin", Keys: []string{string(gossh.MarshalAuthorizedKey(key.PublicKey()))}}
		c.Refs[config.PassphraseRef(user)] = "hash"
	}
	opts := testOptions()
	opts.Config, opts.Secrets, opts.HostKeys = a.store, fakeSecrets{"hash": hashOnce()}, keys[:1]
	opts.Audit, opts.Auth, opts.System = a.logs.add, a.logs.add, a.logs.add
	opts.Grace = 50 * time.Millisecond
	opts.State = t.TempDir()
	if change != nil {
		change(&opts)
	}
	if a.Server, err = New(opts); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return a
}

func (a *appliance) config(user string, auth ...gossh.AuthMethod) *gossh.ClientConfig {
	if auth == nil {
		auth = []gossh.AuthMethod{gossh.PublicKeys(a.keys[user])}
	}
	return &gossh.ClientConfig{User: user, Auth: auth, HostKeyCallback: gossh.InsecureIgnoreHostKey()}
}

func (a *appliance) dial(t *testing.T, c *gossh.ClientConfig) *gossh.Client {
	t.Helper()
	client, err := gossh.Dial("tcp", a.Addresses()[0], c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// exec runs one exec request and returns what came of it.
func execRequest(t *testing.T, client *gossh.Client, line, stdin string, pty bool) (stdout, stderr string, status int) {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if pty {
		if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &errs
	err = s.Run(line)
	if err == io.EOF {
		err = nil // it succeeded, and ended before the client had sent all of the input
	}
	if status, err = exitStatus(err); err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), status
}

// typist is a terminal session whose output can be waited for.
type typist struct {
	t    *testing.T
	s    *gossh.Session
	in   io.WriteCloser
	out  *bytes.Buffer
	read io.Reader
}

func openTerm(t *testing.T, client *gossh.Client, width, height int) *typist {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.RequestPty("vt100", height, width, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	return &typist{t: t, s: s, in: in, out: new(bytes.Buffer), read: out}
}

// until reads until the output ends in want and returns it.
func (m *typist) until(want string) string {
	m.t.Helper()
	b := make([]byte, 1)
	var got strings.Builder
	defer time.AfterFunc(10*time.Second, func() { m.s.Close() }).Stop() // a test that fails, not one that hangs
	for !strings.HasSuffix(got.String(), want) {
		if _, err := m.read.Read(b); err != nil {
			m.t.Fatalf("%v after %q, waiting for %q", err, got.String(), want)
		}
		got.Write(b)
	}
	return got.String()
}

func (m *typist) typeIn(s string) { io.WriteString(m.in, s) }

const prompt1 = "\r\nmail.example.com> "

func TestNoCredentials(t *testing.T) {
	a := startServer(t, nil)
	stranger, _ := keysOnce()
	for name, auth := range map[string][]gossh.AuthMethod{
		"none":              {},
		"an empty password": {gossh.Password("")},
		"a strange key":     {gossh.PublicKeys(stranger[0])},
		"another's key":     {gossh.PublicKeys(a.keys["bob"])},
	} {
		if c, err := gossh.Dial("tcp", a.Addresses()[0], a.config("admin", auth...)); err == nil {
			c.Close()
			t.Errorf("%s lets in", name)
		}
	}
	if _, err := gossh.Dial("tcp", a.Addresses()[0], a.config("nobody", gossh.Password(testPass))); err == nil {
		t.Error("an unknown user gets in")
	}
}

func TestLogins(t *testing.T) {
	a := startServer(t, func(o *Options) {
		o.Table = append(o.Table, &Command{Name: "whoami", Run: func(_ context.Context, s *Session, _ []string) error {
			s.Printf("%s %s %s\n", s.User(), s.Remote(), s.id.method)
			return nil
		}})
	})
	answer := gossh.KeyboardInteractive(func(_, _ string, q []string, echo []bool) ([]string, error) {
		if len(q) != 1 || q[0] != "Password: " || echo[0] {
			t.Errorf("asked %q, echo %v", q, echo)
		}
		return []string{testPass}, nil
	})
	tests := []struct {
		user string
		auth []gossh.AuthMethod
		want string
	}{
		{"admin", []gossh.AuthMethod{gossh.Password(testPass)}, "admin 127.0.0.1 password\n"},
		{"bob", []gossh.AuthMethod{answer}, "bob 127.0.0.1 keyboard-interactive\n"},
		{"bob", []gossh.AuthMethod{gossh.PublicKeys(a.keys["admin"], a.keys["bob"])}, "bob 127.0.0.1 publickey\n"},
		// The key that is offered first is admin's; what counts is the password that bob proves.
		{"bob", []gossh.AuthMethod{gossh.PublicKeys(a.keys["admin"]), gossh.Password(testPass)}, "bob 127.0.0.1 password\n"},
	}
	for _, tt := range tests {
		out, _, _ := execRequest(t, a.dial(t, a.config(tt.user, tt.auth...)), "whoami", "", false)
		if out != tt.want {
			t.Errorf("got %q, want %q", out, tt.want)
		}
	}
	a.logs.wait(t, "The user admin from 127.0.0.1 logged in by password.")
	a.logs.wait(t, "The user bob from 127.0.0.1 logged in by publickey SHA256:")
}

func TestThreePasswords(t *testing.T) {
	a := startServer(t, nil)
	tried := 0
	wrong := gossh.RetryableAuthMethod(gossh.PasswordCallback(func() (string, error) { tried++; return "falsch", nil }), 10)
	if _, err := gossh.Dial("tcp", a.Addresses()[0], a.config("admin", wrong)); err == nil {
		t.Fatal("a wrong password lets in")
	}
	if tried < 3 || tried > 4 { // the client may have begun a fourth try when the connection ends
		t.Errorf("%d passwords were tried on one connection", tried)
	}
	a.logs.wait(t, "An authentication attempt by the user admin from 127.0.0.1 failed (password).")
}

func TestLockout(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	a := startServer(t, func(o *Options) { o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now } })
	a.settings(config.Shell{LockoutAttempts: 2, LockoutMinutes: 10})
	try := func(pass string) error {
		c, err := gossh.Dial("tcp", a.Addresses()[0], a.config("admin", gossh.Password(pass)))
		if err == nil {
			c.Close()
		}
		return err
	}
	for range 2 {
		if try("falsch") == nil {
			t.Fatal("a wrong password lets in")
		}
	}
	a.logs.wait(t, "The user admin from 127.0.0.1 is locked out for 10 minutes.")
	if try(testPass) == nil {
		t.Error("the right password lets in while the user is locked out")
	}
	for range 5 { // keys do not count and still open
		a.dial(t, a.config("admin")).Close()
	}
	if _, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob", gossh.Password(testPass))); err != nil {
		t.Error("another user is locked out too:", err)
	}
	mu.Lock()
	now = now.Add(10*time.Minute + time.Second)
	mu.Unlock()
	if err := try(testPass); err != nil {
		t.Error("the lockout does not end:", err)
	}
}

func TestLockoutsAreBounded(t *testing.T) {
	l := newLockouts(time.Now)
	for i := range maxLockouts + 10 {
		l.wrong(fmt.Sprint("user", i), "192.0.2.1", 5, time.Hour)
	}
	if len(l.all) > maxLockouts {
		t.Errorf("%d entries", len(l.all))
	}
	long := strings.Repeat("u", 200_000)
	l.wrong(long, "192.0.2.1", 2, time.Hour)
	if !l.wrong(long, "192.0.2.1", 2, time.Hour) || !l.locked(long, "192.0.2.1") {
		t.Error("a long name is not counted")
	}
	for k := range l.all {
		if len(k.user) > maxLockName {
			t.Errorf("%d bytes of a name are kept", len(k.user))
		}
	}
	if source("2001:db8::1") != source("2001:db8::2:1") || source("192.0.2.1") == source("192.0.2.2") {
		t.Error("sources are told apart wrongly")
	}
}

func TestHandshakeLimit(t *testing.T) {
	a := startServer(t, func(o *Options) { o.Handshake = 20 * time.Millisecond })
	conn, err := net.Dial("tcp", a.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "SSH-2.0-dribble")
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("the connection stays open:", err)
	}
}

func TestExecOverSSH(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	tests := []struct {
		name, line, stdin string
		pty               bool
		out, err          string
		status            int
	}{
		{"plain", "version; say a", "never asked for\n", false, "Version: 1.0.0\na\n", "", 0},
		{"status 1", "crash", "", false, "", "Error: crash failed by a fault of its own; system_logs says more.\n", 1},
		{"status 2", "nothing; version", "", false, "Version: 1.0.0\n", "Unknown command: nothing\n", 2},
		{"terminal", "version; nothing", "", true, "Version: 1.0.0\r\n", "Unknown command: nothing\r\n", 2},
		{"answers", "rename; commit", "mx1\ny\n", false, "Now mx1\nChanges committed\n", "", 0},
		{"answers from a terminal", "rename; commit", "mx1\ry\r", true, "Now mx1\r\nChanges committed\r\n", "", 0},
		{"interrupted", "wait; version", "\x03", true, "Waited until interrupted.\r\nVersion: 1.0.0\r\n", "Error: interrupted.\r\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, status := execRequest(t, client, tt.line, tt.stdin, tt.pty)
			out = strings.ReplaceAll(out, "Press Ctrl-C to stop.\r\n", "") // it may come too late for that
			if out != tt.out || errs != tt.err || status != tt.status {
				t.Errorf("got %d\n%q\n%q\nwant %d\n%q\n%q", status, out, errs, tt.status, tt.out, tt.err)
			}
		})
	}
	a.logs.wait(t, "User admin from 127.0.0.1 entered 'say a'")
	for _, l := range a.logs.lines {
		if strings.Contains(l, "never asked for") {
			t.Errorf("logged: %s", l)
		}
	}
}

func TestExecPages(t *testing.T) {
	a := startServer(t, nil)
	out, _, status := execRequest(t, a.dial(t, a.config("admin")), "many", " \rq", true)
	if n := strings.Count(out, moreMarker); n != 3 || status != 0 || strings.Count(out, "of it") != 69 {
		t.Errorf("status %d, %d markers in\n%s", status, n, out)
	}
}

func TestScriptOverSSH(t *testing.T) {
	a := startServer(t, nil)
	s, err := a.dial(t, a.config("admin")).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader("rename\nmx1\ny\n"), &out, &errs
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	status, err := exitStatus(s.Wait())
	want := "Last login: Never\nPosthouse 1.0.0 for P100V build 001\n\nWelcome to the Posthouse P100V Email Gateway\n\n" +
		"NOTE: This session will expire if left idle for 30 minutes. Any uncommitted\nconfiguration changes will be lost when the session expires.\n" +
		prompt0 + "\nNew name:\n[mail.example.com]> \nAre you sure? [N]> \nNow mx1\n" + prompt0 + "\n"
	if out.String() != want || status != 1 || err != nil || errs.String() != "Error: what was changed and not committed is discarded: 1 change.\n" {
		t.Errorf("status %d, %v\n%s\n%s", status, err, out.String(), errs.String())
	}
}

func TestTerminalOverSSH(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	m := openTerm(t, client, 80, 24)
	if got := m.until(prompt1); !strings.HasPrefix(got, "Last login: Never\r\n") {
		t.Errorf("the banner is %q", got)
	}
	for range 100 { // a flood of changes holds nothing up
		if err := m.s.WindowChange(16777215, 16777215); err != nil {
			t.Fatal(err)
		}
		m.s.WindowChange(0, 0)
	}
	m.typeIn("wait\r")
	m.until("Press Ctrl-C to stop.\r\n")
	m.typeIn("typed ahead\x03")
	if got, want := m.until(prompt1), "^C\r\nWaited until interrupted.\r\n"+prompt1; got != want {
		t.Errorf("after Ctrl-C comes %q, want %q", got, want)
	}
	m.typeIn("wait\r")
	m.until("Press Ctrl-C to stop.\r\n")
	m.s.Signal(gossh.SIGINT)
	m.until(prompt1)
	m.typeIn("exit\r")
	if status, err := exitStatus(m.s.Wait()); status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	m = openTerm(t, client, 16777215, 16777215)
	if got := m.until(prompt1); !strings.Contains(got, " from 127.0.0.1\r\n") {
		t.Errorf("the second banner is %q", got)
	}
	m.typeIn("\x1b[A\x1b[A\r") // the history of the first session
	m.until("Press Ctrl-C to stop.\r\n")
	m.s.Close()
}

func TestRefusedRequests(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"auth-agent-req@openssh.com", "x11-req", "env", "subsystem", "pty-req", "unheard-of"} {
		if ok, err := s.SendRequest(name, true, []byte{0, 0, 0, 1, 'x'}); ok || err != nil {
			t.Errorf("%s: granted %v, %v", name, ok, err)
		}
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("a subsystem is granted")
	}
	if _, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a forwarded port is granted")
	}
	if _, err := client.Dial("tcp", a.Addresses()[0]); err == nil {
		t.Error("a forwarded connection is granted")
	}
	if out, err := s.Output("version"); string(out) != "Version: 1.0.0\n" {
		t.Errorf("then %q, %v", out, err)
	}
}

func TestManyChannels(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	open := 0
	for range 1000 {
		if _, err := client.NewSession(); err != nil {
			break
		}
		open++
	}
	if open != maxChannels {
		t.Errorf("%d sessions over one connection", open)
	}
	if out, _, _ := execRequest(t, a.dial(t, a.config("bob")), "version", "", false); out != "Version: 1.0.0\n" {
		t.Errorf("meanwhile another gets %q", out)
	}
}

func TestClientThatNeverReads(t *testing.T) {
	a := startServer(t, func(o *Options) {
		o.Stall = 50 * time.Millisecond
		o.Table = append(o.Table, &Command{Name: "flood", Run: func(_ context.Context, s *Session, _ []string) error {
			for {
				if _, err := s.Write(make([]byte, 1<<16)); err != nil {
					log(s.opts.System, "the flood has ended")
					return err
				}
			}
		}})
	})
	s, err := a.dial(t, a.config("admin")).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := s.StdoutPipe() // which nobody reads
	if err := s.Start("flood"); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := execRequest(t, a.dial(t, a.config("bob")), "version", "", false); got != "Version: 1.0.0\n" {
		t.Errorf("meanwhile another gets %q", got)
	}
	a.logs.wait(t, "the flood has ended")
	io.Copy(io.Discard, out)
}

func TestIdle(t *testing.T) {
	a := startServer(t, func(o *Options) { o.idleLimit = 100 * time.Millisecond })
	m := openTerm(t, a.dial(t, a.config("admin")), 80, 24)
	m.until("Error: nothing was entered for 100ms; the session ends.\r\n")
	m.s.Wait()
	a.logs.wait(t, "Session 1: nothing was entered for 100ms by the user admin; the session ends")
}

func TestOldAlgorithms(t *testing.T) {
	a := startServer(t, func(o *Options) {
		ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []any{ec, rs} {
			s, err := gossh.NewSignerFromKey(k)
			if err != nil {
				t.Fatal(err)
			}
			o.HostKeys = append(slices.Clone(o.HostKeys), s)
		}
	})
	for _, host := range []string{gossh.KeyAlgoED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256} {
		c := a.config("admin")
		c.KeyExchanges, c.Ciphers, c.HostKeyAlgorithms = []string{"ecdh-sha2-nistp256"}, []string{"aes128-ctr"}, []string{host}
		if out, _, _ := execRequest(t, a.dial(t, c), "version", "", false); out != "Version: 1.0.0\n" {
			t.Errorf("%s: got %q", host, out)
		}
	}
}

func TestNothingInCommon(t *testing.T) {
	a := startServer(t, nil)
	c := a.config("admin")
	c.Ciphers = []string{gossh.InsecureCipherAES128CBC}
	if _, err := gossh.Dial("tcp", a.Addresses()[0], c); err == nil {
		t.Error("an old cipher is accepted")
	}
	a.logs.wait(t, "aes128-cbc") // the log says what was offered
}

func TestNoHostKey(t *testing.T) {
	if _, err := New(Options{Config: newStore()}); err == nil {
		t.Error("a server without host keys is made")
	}
}

// watched runs a server with somebody at a terminal. stop begins to end it, and returns what waits until that is done.
func watched(t *testing.T, grace time.Duration) (m *typist, client *gossh.Client, stop func() (wait func())) {
	t.Helper()
	a := startServer(t, nil)
	keys, _ := keysOnce()
	srv, err := New(Options{Table: testTable(), Config: a.store, HostKeys: keys[:1], Grace: grace})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); srv.Run(ctx) }()
	client, err = gossh.Dial("tcp", srv.Addresses()[0], a.config("admin"))
	if err != nil {
		t.Fatal(err)
	}
	m = openTerm(t, client, 80, 24)
	m.until(prompt1)
	return m, client, func() func() { end(); return func() { <-done } }
}

func TestShutdown(t *testing.T) {
	for _, busy := range []bool{false, true} {
		m, client, stop := watched(t, 50*time.Millisecond)
		if busy {
			m.typeIn("wait\r")
			m.until("stop.\r\n")
		}
		wait := stop()
		if !busy {
			m.until("Error: the appliance is stopping; the session ends.\r\n")
		}
		wait()
		client.Close()
	}
}

// A key that is pressed right after the window has changed finds the new size: requests and data come on different ways.
func TestWindowChangeBeforeKeys(t *testing.T) {
	a := startServer(t, func(o *Options) {
		o.Table = append(o.Table, &Command{Name: "width", Run: func(_ context.Context, s *Session, _ []string) error {
			s.Printf("%d columns\n", s.Width())
			return nil
		}})
	})
	client := a.dial(t, a.config("admin"))
	m := openTerm(t, client, 80, 24)
	m.until(prompt1)
	for width := 100; width < 400; width++ {
		m.typeIn("widt")
		m.until("widt")
		if err := m.s.WindowChange(24, width); err != nil {
			t.Fatal(err)
		}
		m.typeIn("h\r")
		if out := m.until(prompt1); !strings.Contains(out, fmt.Sprintf("%d columns", width)) {
			t.Fatalf("after the change to %d columns: %q", width, out)
		}
	}
}

// Who follows a log or looks at a page does nothing that the server that stops would have to wait for, and is told.
func TestStopEndsWatching(t *testing.T) {
	for _, watching := range []struct{ typed, seen string }{
		{"follow\r", "It goes on.\r\n"},
		{"many\r", moreMarker},
	} {
		m, client, stop := watched(t, time.Hour)
		m.typeIn(watching.typed)
		m.until(watching.seen)
		wait := stop()
		m.until("Error: the appliance is stopping; the session ends.\r\n")
		client.Close()
		wait()
	}
}

func TestUserRemoved(t *testing.T) {
	a := startServer(t, nil)
	m := openTerm(t, a.dial(t, a.config("bob")), 80, 24)
	m.until(prompt1)
	c := *a.store.snap.Config
	c.Users = map[string]*config.User{"admin": c.Users["admin"]}
	a.store.set(&c)
	m.typeIn("version\r")
	m.until("Error: the account \"bob\" does not exist any more; the session ends.\r\n")
	m.s.Wait()
}

// A session belongs to the account that logged in: it outlives another passphrase, and a rollback of that, but not another
// account of the same name. So does a connection, whose next session would else be the other's.
func TestUserMadeAnew(t *testing.T) {
	a := startServer(t, func(o *Options) {
		secrets := o.Secrets.(fakeSecrets)
		secrets["second"], secrets["third"], secrets["strange"] = "a second hash", "a third hash", "a strange hash"
		secrets["two"] = "2026-11-02T00:00:00Z a second hash\n2026-11-01T00:00:00Z " + hashOnce() + "\n"
		secrets["three"] = "2026-11-03T00:00:00Z a third hash\n" + secrets["two"]
		secrets["one"] = "2026-11-04T00:00:00Z a strange hash\n"
	})
	client := a.dial(t, a.config("bob"))
	m := openTerm(t, client, 80, 24)
	m.until(prompt1)
	for _, has := range []secretsOf{{"second", "two"}, {"third", "three"}, {"second", "two"}, {"hash", ""}, {"hash", "two"}} {
		c := a.store.Running().Config.Clone()
		c.Refs[config.PassphraseRef("bob")], c.Refs[config.PassphraseHistoryRef("bob")] = has.passphrase, has.history
		a.store.set(c)
		m.typeIn("version\r")
		m.until("Version: 1.0.0\r\n" + prompt1)
	}
	c := a.store.Running().Config.Clone()
	c.Refs[config.PassphraseRef("bob")], c.Refs[config.PassphraseHistoryRef("bob")] = "strange", "one"
	a.store.set(c)
	const gone = "Error: the account \"bob\" was made anew since you logged in; the session ends."
	m.typeIn("version\r")
	m.until(gone + "\r\n")
	m.s.Wait()
	late, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	late.Stderr = &errs
	if out, err := late.Output("version"); err == nil || len(out) > 0 || errs.String() != gone+"\n" {
		t.Errorf("a later session of the connection: %q, %q, %v", out, errs.String(), err)
	}
}

// What a session has put in force for its own account, from another appliance's file say, does not end it.
func TestOwnAccountReplaced(t *testing.T) {
	opts := testOptions()
	opts.Secrets = fakeSecrets{"old": "an old hash", "new": "a new hash"}
	store := opts.Config.(*fakeStore)
	ref := config.PassphraseRef(tester.user)
	store.snap.Config.Refs[ref] = "old"
	opts.Table = append(opts.Table, &Command{Name: "load", Run: func(_ context.Context, s *Session, _ []string) error {
		s.Candidate().Refs[ref] = "new"
		store.set(s.Candidate().Clone())
		s.Committed()
		return nil
	}}, &Command{Name: "replace", Run: func(context.Context, *Session, []string) error {
		c := store.Running().Config.Clone()
		c.Refs[ref] = "old"
		store.set(c)
		return nil
	}})
	out, errs, _ := RunExecAs(t.Context(), opts, tester.user, "load; version; replace; version", "")
	if out != "Version: 1.0.0\n" || !strings.Contains(errs, "was made anew") {
		t.Errorf("got %q, %q", out, errs)
	}
}

func TestConsole(t *testing.T) {
	a := startServer(t, nil)
	path := filepath.Join(t.TempDir(), "console")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.ServeUnix(ctx, l) }()
	var out, errs bytes.Buffer
	status, err := Console(t.Context(), path, strings.NewReader("version\nnothing\n"), &out, &errs)
	if status != 2 || err != nil || !strings.Contains(out.String(), "Version: 1.0.0\n") {
		t.Errorf("status %d, %v\n%s%s", status, err, out.String(), errs.String())
	}
	a.logs.wait(t, "User admin from console entered 'version'")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := Console(t.Context(), path, strings.NewReader(""), &out, &errs); err == nil {
		t.Error("a console without a server is no error")
	}
}
