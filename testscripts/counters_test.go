package testscripts

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthouse/internal/dns/dnstest"
)

// countersRounds is how often the appliance is killed while it counts.
const countersRounds = 4

// TestCountersSurviveKill kills the appliance under load again and again. After each restart the lifetime counters hold
// what was acknowledged until a second before the death, and nothing that was not.
func TestCountersSurviveKill(t *testing.T) {
	t.Parallel()
	sink := newSink(t)
	data := filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	route(t, data, sink.addr)
	askedOf := dnstest.Start(t) // for the names of those who connect
	server := startServer(t, data)
	out := execute(t, strings.NewReader("dnsconfig new "+askedOf.Address+"\ncommit nameserver\n"), "console", "--data", data)
	server.kill()
	if !strings.Contains(out, "Changes committed") {
		t.Fatal(out)
	}
	var before lifetimes
	for range countersRounds {
		server := startServer(t, data)
		count := load(t, server.outbound)
		count.wait(t, 1500*time.Millisecond)
		killed := time.Now()
		server.kill()
		acknowledged := count.stop(killed.Add(-time.Second))
		again := startServer(t, data)
		now := lifetimesOf(t, data)
		again.kill()
		if least := before.Received + acknowledged.until; now.Received < least || now.Received > before.Received+acknowledged.all+1 {
			t.Errorf("%d messages received ever, want %d to %d", now.Received, least, before.Received+acknowledged.all+1)
		}
		if now.Delivered < before.Delivered || now.DNS < before.DNS {
			t.Errorf("a counter went back: %+v after %+v", now, before)
		}
		before = now
	}
	if before.Delivered == 0 || before.DNS == 0 {
		t.Errorf("nothing was ever delivered, or asked: %+v", before)
	}
}

// lifetimes are some of the counters' last columns.
type lifetimes struct{ Received, Delivered, DNS uint64 }

func lifetimesOf(t *testing.T, data string) lifetimes {
	t.Helper()
	read := func(line string, value any) {
		t.Helper()
		out := execute(t, strings.NewReader(line+"\nexit\n"), "console", "--data", data)
		_, document, _ := strings.Cut(out, "{\n")
		document, _, _ = strings.Cut(document, "\n}")
		if err := json.Unmarshal([]byte("{"+document+"}"), value); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	type counter struct{ Lifetime uint64 }
	var status struct{ Counters map[string]counter }
	var dns map[string]any
	read("status --json", &status)
	read("dnsstatus --json", &dns)
	requests, _ := dns["dns_requests"].(map[string]any)
	lifetime, ok := requests["lifetime"].(float64)
	if !ok {
		t.Fatalf("dnsstatus has %v", dns)
	}
	return lifetimes{status.Counters["messages_received"].Lifetime, status.Counters["delivered_recipients"].Lifetime, uint64(lifetime)}
}

// counting is a load whose acknowledgements are noted with their time.
type counting struct {
	acks   *ackRecorder
	source *exec.Cmd
	done   chan struct{}
	notes  sync.WaitGroup

	mu    sync.Mutex // guards marks
	marks []mark
}

// mark is how many messages were acknowledged at a time.
type mark struct {
	at time.Time
	n  uint64
}

// load sends as fast as is accepted until stop.
func load(t *testing.T, to string) *counting {
	t.Helper()
	path, err := exec.LookPath("smtp-source")
	if err != nil {
		t.Skip("needs smtp-source, of Debian's postfix")
	}
	c := &counting{acks: newAckRecorder(t), done: make(chan struct{})}
	c.acks.target(to)
	c.source = exec.Command(path, "-s", "5", "-m", "1000000", "-l", "1000", "-f", "a@example.com", "-t", "b@sink.example", c.acks.addr)
	if err := c.source.Start(); err != nil {
		t.Fatal(err)
	}
	c.notes.Go(c.note)
	return c
}

// note marks how many there are whenever there is one more.
func (c *counting) note() {
	for {
		c.acks.mu.Lock()
		n, more := len(c.acks.mids), c.acks.more
		c.acks.mu.Unlock()
		c.mu.Lock()
		c.marks = append(c.marks, mark{time.Now(), uint64(n)})
		c.mu.Unlock()
		select {
		case <-more:
		case <-c.done:
			return
		}
	}
}

// wait returns when messages have been acknowledged for so long.
func (c *counting) wait(t *testing.T, d time.Duration) {
	t.Helper()
	c.acks.wait(t, 1)
	for began := time.Now(); time.Since(began) < d; {
		c.acks.wait(t, 1)
	}
}

// acknowledgements is how many there were until some moment, and in all.
type acknowledgements struct{ until, all uint64 }

// stop ends the load.
func (c *counting) stop(moment time.Time) acknowledgements {
	c.source.Process.Kill()
	c.source.Wait()
	close(c.done)
	c.notes.Wait()
	c.acks.mu.Lock()
	a := acknowledgements{all: uint64(len(c.acks.mids))}
	c.acks.mu.Unlock()
	for _, m := range c.marks {
		if m.at.Before(moment) {
			a.until = m.n
		}
	}
	return a
}
