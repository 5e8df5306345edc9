package shell

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// TestManySessions opens and tears down 200 sessions with passwords, resizes and lost connections. No goroutine may be
// left; with -race it is the bar that a line editor has to clear.
func TestManySessions(t *testing.T) {
	before := runtime.NumGoroutine() + 2 // Run and the loop that accepts
	a := startServer(t, nil)
	began := time.Now()
	const all, atOnce = 200, 20
	var wg sync.WaitGroup
	turns := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for n := range turns {
				if err := a.wildSession(n); err != nil {
					t.Errorf("session %d: %v", n, err)
				}
			}
		})
	}
	for n := range all {
		turns <- n
	}
	close(turns)
	wg.Wait()
	for a.waitForSessions(t); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Since(began) > 30*time.Second {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
	t.Logf("%d sessions, %d at once, in %v; %d goroutines before, %d after", all, atOnce, time.Since(began).Round(time.Millisecond), before, runtime.NumGoroutine())
}

// waitForSessions returns when no session is open and every connection is forgotten.
func (a *appliance) waitForSessions(t *testing.T) {
	select {
	case <-a.sessions.empty():
	case <-time.After(20 * time.Second):
		t.Fatal("sessions are left open")
	}
}

// wildSession is one operator who types secrets, resizes the terminal and vanishes.
func (a *appliance) wildSession(n int) error {
	rnd := rand.New(rand.NewPCG(uint64(n), 2))
	auth := gossh.PublicKeys(a.keys["admin"])
	if n%10 == 0 {
		auth = gossh.Password(testPass) // each costs 19 MiB and two passes of argon2id
	}
	client, err := gossh.Dial("tcp", a.Addresses()[0], a.config("admin", auth))
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return err
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		return err
	}
	if err := s.Shell(); err != nil {
		return err
	}
	reading := make(chan struct{})
	go func() { defer close(reading); io.Copy(io.Discard, out) }()
	for i := range 20 {
		steps := []string{"secret\rgeheim\r", "version\r", "ve\t\r", "many\r  q", "menu\rn\r\r", "rename\rx\r\x03", "wait\r\x03", "\x12ver\r", "\x1b[A\x1b[A\r", "half a line"}
		if _, err := fmt.Fprint(in, steps[rnd.IntN(len(steps))]); err != nil {
			return err
		}
		if err := s.WindowChange(rnd.IntN(60), 20+i); err != nil {
			return err
		}
	}
	if n%2 == 0 { // the others just vanish
		fmt.Fprint(in, "\x03\x03\x03\x04") // exit, which others would find in the history they share, and leave before their time
		s.Close()
	}
	client.Close()
	<-reading
	return nil
}
