package testscripts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// TestKillUnderLoad sends with smtp-source, kills the appliance with SIGKILL at a random moment, again and again, and
// then requires at the sink every message that was acknowledged.
func TestKillUnderLoad(t *testing.T) {
	if _, err := exec.LookPath("smtp-source"); err != nil {
		t.Skip("needs smtp-source, of Debian's postfix")
	}
	sink := newSink(t)
	data := filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	route(t, data, sink.addr)
	acks := newAckRecorder(t)
	rounds := 20
	if raceEnabled {
		rounds = 5
	}
	for range rounds {
		server := startServer(t, data)
		acks.target(server.outbound)
		source := exec.Command("smtp-source", "-s", "10", "-m", "100000", "-l", "3000", "-f", "a@example.com", "-t", "b@sink.example", acks.addr)
		if err := source.Start(); err != nil {
			t.Fatal(err)
		}
		acks.wait(t, 20+rand.IntN(200))
		server.kill()
		source.Process.Kill()
		source.Wait()
	}
	acknowledged := acks.all()
	server := startServer(t, data)
	defer server.kill()
	sink.wait(t, acknowledged)
	t.Logf("%d messages acknowledged, %d received, %d of them more than once", len(acknowledged), sink.count(), sink.duplicates())
}

// execute runs the binary and requires success.
func execute(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(binary, "posthouse"), args...)
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("posthouse %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// route sends all mail to the sink, by the owner's console.
func route(t *testing.T, data, sink string) {
	t.Helper()
	server := startServer(t, data)
	defer server.kill()
	_, port, err := net.SplitHostPort(sink)
	if err != nil {
		t.Fatal(err)
	}
	out := execute(t, strings.NewReader("smtproutes new ALL [127.0.0.1]:"+port+"\ncommit sink\n"), "console", "--data", data)
	if !strings.Contains(out, "Changes committed") {
		t.Fatalf("commit of the route: %s", out)
	}
}

// server is a running appliance.
type server struct {
	cmd      *exec.Cmd
	outbound string
}

func startServer(t *testing.T, data string) *server {
	t.Helper()
	file := filepath.Join(data, "run", "addresses.json")
	os.Remove(file)
	var output bytes.Buffer
	s := &server{cmd: exec.Command(filepath.Join(binary, "posthouse"), "serve", "--data", data)}
	s.cmd.Stdout, s.cmd.Stderr = &output, &output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var bound addresses
	err := poll(ctx, func() bool {
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &bound) == nil
	})
	if err != nil {
		s.kill()
		t.Fatalf("the appliance does not come up: %v\n%s", err, output.String())
	}
	s.outbound = bound.Listeners["OutboundMail"][0]
	return s
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// ackRecorder stands between the load and the appliance and takes note of every message that was acknowledged.
type ackRecorder struct {
	addr string

	mu   sync.Mutex // guards everything below
	to   string
	mids map[string]bool
	more chan struct{} // closed and replaced at every acknowledgement
}

var accepted = regexp.MustCompile(`^250 2\.0\.0 ok:  Message ([0-9]+) accepted`)

func newAckRecorder(t *testing.T) *ackRecorder {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &ackRecorder{addr: l.Addr().String(), mids: map[string]bool{}, more: make(chan struct{})}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { a.pass(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); sessions.Wait() })
	return a
}

func (a *ackRecorder) target(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = addr
}

// pass copies one connection. An acknowledgement counts once it has been passed on whole.
func (a *ackRecorder) pass(client net.Conn) {
	defer client.Close()
	a.mu.Lock()
	to := a.to
	a.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { io.Copy(server, client); server.Close() }()
	replies := bufio.NewReader(server)
	for {
		line, err := replies.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(client, line); err != nil {
			return
		}
		if m := accepted.FindStringSubmatch(line); m != nil {
			a.record(m[1])
		}
	}
}

func (a *ackRecorder) record(mid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mids[mid] = true
	close(a.more)
	a.more = make(chan struct{})
}

// wait returns when n more messages have been acknowledged.
func (a *ackRecorder) wait(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(patience)
	a.mu.Lock()
	goal := len(a.mids) + n
	a.mu.Unlock()
	for {
		a.mu.Lock()
		have, more := len(a.mids), a.more
		a.mu.Unlock()
		if have >= goal {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("%d messages acknowledged, waiting for %d", have, goal)
		}
	}
}

func (a *ackRecorder) all() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mids
}

// sink is an SMTP server that takes everything and counts it by the MID in our Received header.
type sink struct {
	addr string

	mu   sync.Mutex // guards everything below
	seen map[string]int
	more chan struct{} // closed and replaced at every message
}

func newSink(t *testing.T) *sink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: l.Addr().String(), seen: map[string]int{}, more: make(chan struct{})}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return s, nil }))
	server.Domain = "sink.example"
	server.ErrorLog = log.New(io.Discard, "", 0) // a sender that is killed is what the test is about
	served := make(chan struct{})
	go func() { server.Serve(l); close(served) }()
	t.Cleanup(func() { server.Close(); <-served })
	return s
}

func (s *sink) Reset()                               {}
func (s *sink) Logout() error                        { return nil }
func (s *sink) Mail(string, *smtp.MailOptions) error { return nil }
func (s *sink) Rcpt(string, *smtp.RcptOptions) error { return nil }

var receivedID = regexp.MustCompile(`(?s)Received: .*?\bid ([0-9]+)`)

func (s *sink) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := receivedID.FindSubmatch(body)
	if m == nil {
		return fmt.Errorf("no MID in %q", body[:min(len(body), 300)])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[string(m[1])]++
	close(s.more)
	s.more = make(chan struct{})
	return nil
}

// count is how many different messages have come.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// wait returns when every one of the messages has come.
func (s *sink) wait(t *testing.T, want map[string]bool) {
	t.Helper()
	deadline := time.After(2 * patience)
	for {
		s.mu.Lock()
		missing := 0
		for mid := range want {
			if s.seen[mid] == 0 {
				missing++
			}
		}
		more := s.more
		s.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("%d of %d acknowledged messages are lost", missing, len(want))
		}
	}
}

func (s *sink) duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, times := range s.seen {
		if times > 1 {
			n++
		}
	}
	return n
}
