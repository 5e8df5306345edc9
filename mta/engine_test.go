package mta

import (
	"context"
	"errors"
	"io"
	"net"
	netsmtp "net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/internal/safefile"
	"posthouse/mta/maillog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a peer that gives every message's content to its channel.
type sink struct{ got chan string }

func (s sink) NewSession(*smtp.Conn) (smtp.Session, error) { return s, nil }
func (s sink) Reset()                                      {}
func (s sink) Logout() error                               { return nil }
func (s sink) Mail(string, *smtp.MailOptions) error        { return nil }
func (s sink) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (s sink) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	s.got <- string(body)
	return err
}

func startSink(t *testing.T) (addr string, got chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = make(chan string, 100)
	server := smtp.NewServer(sink{got})
	server.Domain = "sink.example"
	done := make(chan struct{})
	go func() { server.Serve(l); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return l.Addr().String(), got
}

// testEngine is an engine on a data folder, with the configuration that the test edits.
type testEngine struct {
	*Engine
	dir  string
	conf *config.Config
	end  context.CancelFunc
	done chan error
	logs []*eventlog.Log
}

// demo makes the Demo certificate once: its RSA key takes a while.
var demo, demoErr = certstore.Demo("mail.example.com")

func testConfig(t *testing.T, dir string) (*config.Config, *certstore.Store) {
	t.Helper()
	vault, err := safefile.OpenVault(filepath.Join(dir, "keys"))
	if err != nil || demoErr != nil {
		t.Fatal(err, demoErr)
	}
	certs := certstore.New(vault)
	id, err := certs.Put(demo)
	if err != nil {
		t.Fatal(err)
	}
	conf := config.Default("mail.example.com")
	conf.Refs[config.CertificateRef(config.DemoCertificate)] = id
	for _, l := range conf.Listeners {
		l.Port = 0
	}
	return conf, certs
}

func start(t *testing.T, dir string, conf *config.Config, certs *certstore.Store) *testEngine {
	t.Helper()
	e := &testEngine{dir: dir, conf: conf, done: make(chan error, 1)}
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	var logs []*eventlog.Log
	for _, name := range []string{"mail_logs", "system_logs"} {
		l, err := eventlog.Open(eventlog.Options{Dir: filepath.Join(dir, "logs"), Name: name, File: name, Type: name})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	var err error
	e.logs = logs
	e.Engine, err = New(Options{Dir: dir, Config: conf, Certs: certs, Log: maillog.New(logs[0]), System: maillog.NewSystem(logs[1])})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	e.end = cancel
	go func() { e.done <- e.Run(ctx) }()
	t.Cleanup(e.stop)
	select {
	case <-e.Ready():
	case err := <-e.done:
		t.Fatalf("the engine ended: %v", err)
	}
	return e
}

// stop ends the engine as SIGTERM does. It may be called twice.
func (e *testEngine) stop() {
	if e.end == nil {
		return
	}
	e.end()
	e.end = nil
	<-e.done
	e.Close()
	for _, l := range e.logs {
		l.Close()
	}
}

func (e *testEngine) commit(t *testing.T, edit func(*config.Config)) error {
	t.Helper()
	next := e.conf.Clone()
	edit(next)
	prepared, err := e.Prepare(t.Context(), e.conf, next)
	if err != nil {
		return err
	}
	prepared.Commit()
	e.conf = next
	return nil
}

func (e *testEngine) send(t *testing.T, listener, to string) error {
	t.Helper()
	at := e.Addresses()[listener]
	if len(at) == 0 {
		return errors.New("not bound")
	}
	return netsmtp.SendMail(at[0], nil, "a@example.com", []string{to}, []byte("Subject: test\r\n\r\nbody\r\n"))
}

func receive(t *testing.T, got chan string) string {
	t.Helper()
	select {
	case body := <-got:
		return body
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
		return ""
	}
}

func TestRelay(t *testing.T) {
	peer, got := startSink(t)
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"[127.0.0.1]:" + port(t, peer)}}}
	e := start(t, dir, conf, certs)
	if err := e.send(t, "OutboundMail", "b@far.example"); err != nil {
		t.Fatal(err)
	}
	if body := receive(t, got); !strings.HasPrefix(body, "Received: ") || !strings.Contains(body, "body") {
		t.Errorf("got %q", body)
	}
	if err := e.send(t, "InboundMail", "b@far.example"); err == nil || !strings.Contains(err.Error(), "5.1.0 Address rejected.") {
		t.Errorf("the public listener said %v", err)
	}
}

func port(t *testing.T, addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSurvivesRestart accepts mail while delivery is suspended, restarts, and delivers it when resumed.
func TestSurvivesRestart(t *testing.T) {
	peer, got := startSink(t)
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"[127.0.0.1]:" + port(t, peer)}}}
	e := start(t, dir, conf, certs)
	if err := e.SuspendDelivery(t.Context(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := e.send(t, "OutboundMail", "b@far.example"); err != nil {
		t.Fatal(err)
	}
	before := e.Status()
	e.stop()
	e = start(t, dir, conf, certs)
	after := e.Status()
	if after.System != "Delivery suspended" || after.ActiveRecipients != 1 {
		t.Errorf("after the restart %q with %d recipients", after.System, after.ActiveRecipients)
	}
	if after.MessagesReceived.Lifetime != 1 || after.MessagesReceived.Uptime != 0 || after.MID < before.MID {
		t.Errorf("counters %+v, MID %d after %d", after.MessagesReceived, after.MID, before.MID)
	}
	if err := e.ResumeDelivery(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	receive(t, got)
	e.stop()
	e = start(t, dir, conf, certs)
	if n := e.Status().Delivered.Lifetime; n != 1 {
		t.Errorf("%d recipients delivered ever, want 1", n)
	}
}

// TestSuspensionIsOnDiskBeforeTheWait: a machine that dies while deliveries under way get their grace must not deliver
// again at once when it is back.
func TestSuspensionIsOnDiskBeforeTheWait(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"[127.0.0.1]:" + port(t, silent.Addr().String())}}}
	e := start(t, dir, conf, certs)
	if err := e.send(t, "OutboundMail", "b@far.example"); err != nil {
		t.Fatal(err)
	}
	held, err := silent.Accept() // and says nothing: the delivery is under way
	if err != nil {
		t.Fatal(err)
	}
	done, kept := make(chan error, 1), make(chan struct{}, 1)
	e.suspended.kept = func() { kept <- struct{}{} }
	go func() { done <- e.SuspendDelivery(t.Context(), nil, time.Hour) }()
	select {
	case err := <-done:
		t.Fatalf("nothing was waited for: %v", err)
	case <-kept:
	}
	s, err := openSuspensions(filepath.Join(dir, "state", "suspended.json"))
	if err != nil || !s.delivery.All {
		t.Errorf("the suspension is not on disk while the grace lasts: %v", err)
	}
	held.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestListenersChange renames, moves, suspends and resumes listeners, and refuses a port in use whole.
func TestListenersChange(t *testing.T) {
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"/dev/null"}}}
	e := start(t, dir, conf, certs)
	first := e.Addresses()["OutboundMail"][0]
	if err := e.SuspendListeners(t.Context(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", first); err == nil {
		conn.Close()
		t.Error("a suspended listener accepts connections")
	}
	if err := e.ResumeListeners(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if again := e.Addresses()["OutboundMail"][0]; again != first {
		t.Errorf("resumed at %s, was at %s", again, first)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = e.commit(t, func(c *config.Config) {
		c.Listeners["Second"] = c.Clone().Listeners["OutboundMail"]
		c.Listeners["Second"].Port = taken.Addr().(*net.TCPAddr).Port
	})
	if err == nil || !strings.Contains(err.Error(), "address already in use") || len(e.Addresses()) != 2 {
		t.Errorf("a port in use: %v, bound %v", err, e.Addresses())
	}
	fixed := e.Addresses()["InboundMail"][0]
	err = e.commit(t, func(c *config.Config) { // A listener of a fixed port takes another's place.
		c.Listeners["OutboundMail"].Port = taken.Addr().(*net.TCPAddr).Port
		taken.Close()
	})
	if err != nil || e.Addresses()["InboundMail"][0] != fixed {
		t.Fatalf("moving: %v, bound %v", err, e.Addresses())
	}
	err = e.commit(t, func(c *config.Config) { c.Interfaces["Management"].Address = "0.0.0.0" })
	if err != nil {
		t.Fatalf("from one address to all of them: %v", err)
	}
	err = e.commit(t, func(c *config.Config) {
		c.Listeners["Renamed"] = c.Listeners["OutboundMail"]
		delete(c.Listeners, "OutboundMail")
	})
	if err != nil {
		t.Fatal(err)
	}
	if at := e.Addresses()["Renamed"][0]; !strings.HasPrefix(at, "0.0.0.0:") {
		t.Errorf("bound at %s", at)
	}
	if err := e.send(t, "Renamed", "b@far.example"); err != nil {
		t.Errorf("the renamed listener: %v", err)
	}
}
