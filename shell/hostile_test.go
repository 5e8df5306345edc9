package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// deaf is a client's end of a connection that reads nothing any more once it is told so.
type deaf struct {
	net.Conn
	stopped atomic.Bool
	closed  chan struct{}
	once    sync.Once
}

func (d *deaf) Read(b []byte) (int, error) {
	if d.stopped.Load() {
		<-d.closed
		return 0, io.EOF
	}
	return d.Conn.Read(b)
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Conn.Close()
}

// undisturbed fails unless another user's command works at once.
func (a *appliance) undisturbed(t *testing.T) {
	t.Helper()
	client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("bob"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if out, _, _ := execRequest(t, client, "version", "", false); out != "Version: 1.0.0\n" {
		t.Errorf("meanwhile another gets %q", out)
	}
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(late) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// narrow is one end of a net.Pipe that takes a few writes before their reader has taken them, and then no more.
type narrow struct {
	net.Conn
	queue  chan []byte
	closed chan struct{}
	once   sync.Once
}

func newNarrow(conn net.Conn) *narrow {
	n := &narrow{Conn: conn, queue: make(chan []byte, 16), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case b := <-n.queue:
				n.Conn.Write(b)
			case <-n.closed:
				return
			}
		}
	}()
	return n
}

func (n *narrow) Write(b []byte) (int, error) {
	select {
	case n.queue <- bytes.Clone(b):
		return len(b), nil
	case <-n.closed:
		return 0, net.ErrClosed
	}
}

func (n *narrow) Close() error {
	n.once.Do(func() { close(n.closed) })
	return n.Conn.Close()
}

// TestChannelFlood opens channels without end and takes none of the answers: the connection is ended.
func TestChannelFlood(t *testing.T) {
	before := runtime.NumGoroutine() + 2 // Run and the loop that accepts
	a := startServer(t, nil)
	ours, theirs := net.Pipe()
	a.admit(newNarrow(theirs))
	conn := &deaf{Conn: ours, closed: make(chan struct{})}
	c, channels, requests, err := gossh.NewClientConn(conn, "pipe", a.config("admin"))
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	go func() {
		for nc := range channels {
			nc.Reject(gossh.Prohibited, "")
		}
	}()
	conn.stopped.Store(true)
	gone := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 * maxRefusing {
		wg.Go(func() { c.OpenChannel("session", nil) })
	}
	go func() { wg.Wait(); close(gone) }()
	a.undisturbed(t)
	// The server closes its end; ours notices when it writes.
	for late := time.After(30 * time.Second); ; {
		if _, _, err := c.SendRequest("keepalive@openssh.com", false, nil); err != nil {
			break
		}
		select {
		case <-late:
			t.Fatal("the connection is still there")
		default:
		}
	}
	c.Close()
	conn.Close()
	<-gone
	settled(t, before)
}

func TestGlobalRequests(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	forward := gossh.Marshal(struct {
		Address string
		Port    uint32
	}{"0.0.0.0", 0})
	for _, name := range []string{"tcpip-forward", "cancel-tcpip-forward", "streamlocal-forward@openssh.com", "keepalive@openssh.com",
		"no-more-sessions@openssh.com", "hostkeys-prove-00@openssh.com", "unheard-of"} {
		if ok, _, err := client.SendRequest(name, true, forward); ok || err != nil {
			t.Errorf("%s: granted %v, %v", name, ok, err)
		}
	}
	for _, kind := range []string{"direct-tcpip", "forwarded-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com"} {
		if ch, _, err := client.OpenChannel(kind, make([]byte, 100)); err == nil {
			ch.Close()
			t.Errorf("a channel of type %s is opened", kind)
		}
	}
	if out, _, _ := execRequest(t, client, "version", "", false); out != "Version: 1.0.0\n" {
		t.Errorf("then %q", out)
	}
}

// TestRequestFloods sends environment variables and window changes by the thousand, and the session works.
func TestRequestFloods(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	env := gossh.Marshal(struct{ Name, Value string }{strings.Repeat("N", 1000), strings.Repeat("v", 10000)})
	for range 5000 {
		if _, err := s.SendRequest("env", false, env); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.Output("say a"); string(out) != "a\n" {
		t.Errorf("got %q, %v", out, err)
	}
	m := openTerm(t, client, 80, 24)
	m.until(prompt1)
	m.typeIn("many\r")
	m.until(moreMarker)
	for i := range 10000 {
		if err := m.s.WindowChange(i%100, i%300); err != nil {
			t.Fatal(err)
		}
	}
	m.s.WindowChange(24, 80)
	m.typeIn("q")
	m.until(prompt1)
	m.typeIn("rename\r")
	m.until("]> ")
	for i := range 10000 {
		m.s.WindowChange(i%100, i%300)
	}
	m.s.WindowChange(24, 80)
	m.typeIn("\x03")
	m.until(prompt1)
	m.typeIn("exit\r")
	if status, err := exitStatus(m.s.Wait()); status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
}

// TestHugeLines sends more than anybody types: as an exec request, as an answer, as a script and as keys.
func TestHugeLines(t *testing.T) {
	a := startServer(t, nil)
	client := a.dial(t, a.config("admin"))
	const tooLong = "Invalid line: it is longer than 65536 bytes.\n"
	for _, n := range []int{maxLine + 1, 200 << 10} {
		out, errs, status := execRequest(t, client, "say "+strings.Repeat("x", n), "", false)
		if out != "" || errs != tooLong || status != statusUsage {
			t.Errorf("%d bytes: %q, %.100q, %d", n, out, errs, status)
		}
	}
	huge := strings.Repeat("x", 8<<20)
	if out, errs, status := execRequest(t, client, "version", huge, false); out != "Version: 1.0.0\n" || errs != "" || status != 0 {
		t.Errorf("input that nobody asked for: %q, %q, %d", out, errs, status)
	}
	if out, errs, status := execRequest(t, client, "rename; version", huge+"\n", false); out != "Version: 1.0.0\n" || errs != tooLong || status == 0 {
		t.Errorf("a huge answer: %.100q, %.100q, %d", out, errs, status)
	}
	block := strings.Repeat("as long a line as those of a certificate in PEM usually are ....\n", 2*maxBlock/64) + ".\n"
	if out, errs, status := execRequest(t, client, "block; version", block, false); out != "Version: 1.0.0\n" || errs != errLongBlock.text+"\n" || status == 0 {
		t.Errorf("a huge block: %.100q, %.100q, %d", out, errs, status)
	}
	out, status := RunLines(t.Context(), testOptions(), huge+"\nversion\n")
	if !strings.Contains(out, tooLong) || !strings.Contains(out, "Version: 1.0.0\n") || status != statusUsage {
		t.Errorf("a script: %.300q, %d", out, status)
	}
	m := openTerm(t, client, 80, 24)
	m.until(prompt1)
	m.typeIn(huge[:2*maxLine] + "\rversion\r")
	m.until("Version: 1.0.0\r\n")
	m.s.Close()
}

// TestDribble logs in one byte at a time, and is cut off like everybody who takes too long.
func TestDribble(t *testing.T) {
	a := startServer(t, func(o *Options) { o.Handshake = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", a.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		if _, err := conn.Write([]byte("S")); err != nil {
			return
		}
	}
	t.Error("the connection stays open")
}

// TestStrangers fills one source's share of the connections that have not logged in: an address, or the /64 of IPv6 that one
// customer has.
func TestStrangers(t *testing.T) {
	a := startServer(t, nil)
	from := func(remote string) bool {
		p := newPeer(&deaf{closed: make(chan struct{})}, remote, time.Hour, time.Hour)
		t.Cleanup(func() {
			p.over()
			a.mu.Lock()
			delete(a.peers, p)
			a.mu.Unlock()
		})
		return a.register(p)
	}
	for i := range maxStrangersFrom {
		if !from(fmt.Sprintf("2001:db8::%x", i)) {
			t.Fatalf("the %dth has no room", i+1)
		}
	}
	if from("2001:db8::ffff:1") {
		t.Error("one source can take all the room")
	}
	if !from("192.0.2.1") || !from("192.0.2.2") || !from("2001:db8:0:1::1") {
		t.Error("others have no room")
	}
	a.undisturbed(t)
	for from("127.0.0.1") {
	}
	conn, err := net.Dial("tcp", a.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a.logs.wait(t, "A connection from 127.0.0.1 was refused: too many are open already, or wait to log in.")
}

// TestUnusedConnection ends a connection over which nothing is done.
func TestUnusedConnection(t *testing.T) {
	a := startServer(t, func(o *Options) { o.idleLimit = 50 * time.Millisecond })
	client := a.dial(t, a.config("admin"))
	gone := make(chan error, 1)
	go func() { gone <- client.Wait() }()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the connection stays open")
	}
}

// TestInputWithoutEnd sends bytes without a line's end into every kind of session, and vanishes: nothing is left.
func TestInputWithoutEnd(t *testing.T) {
	before := runtime.NumGoroutine() + 2 // Run and the loop that accepts
	a := startServer(t, nil)
	for n, start := range []func(*gossh.Session) error{
		func(s *gossh.Session) error { return s.Start("wait") },
		func(s *gossh.Session) error { return s.Start("rename") },
		func(s *gossh.Session) error { return s.Shell() },
		func(s *gossh.Session) error {
			if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
				return err
			}
			return s.Shell()
		},
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("admin"))
			if err != nil {
				t.Fatal(err)
			}
			s, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			in, _ := s.StdinPipe()
			if err := start(s); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for chunk := make([]byte, 1<<15); ctx.Err() == nil; {
					if _, err := in.Write(chunk); err != nil {
						return
					}
				}
			}()
			a.undisturbed(t)
			stop()
			client.Close()
			<-done
		})
	}
	settled(t, before)
}
