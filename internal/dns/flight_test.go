package dns

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"posthouse/internal/dns/dnstest"
)

// slowly makes the server answer for a name when it may; came is told of each question.
func slowly(t *testing.T, s *dnstest.Server, name, record string) (came chan struct{}, may chan struct{}) {
	t.Helper()
	came, may = make(chan struct{}, 1000), make(chan struct{})
	s.Odd(name, func(q *mdns.Msg, _ bool) *mdns.Msg {
		came <- struct{}{}
		<-may
		reply := new(mdns.Msg).SetReply(q)
		rr, err := mdns.NewRR(record)
		if err != nil {
			t.Error(err)
		}
		reply.Answer = append(reply.Answer, rr)
		return reply
	})
	return came, may
}

// waiting is how many wait for the answer to a question.
func waiting(r *resolver, q question) int {
	r.cache.mu.Lock()
	defer r.cache.mu.Unlock()
	if f := r.cache.flights[q]; f != nil {
		return f.waiting
	}
	return 0
}

// until asks again and again: what is waited for here happens in goroutines that tell nobody.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestManyAskersOneQuestion: however many want to know the same at once, a nameserver is asked once.
func TestManyAskersOneQuestion(t *testing.T) {
	const askers = 200
	s := dnstest.Start(t)
	came, may := slowly(t, s, "a.example", "a.example. 60 IN MX 5 mx.example.")
	r := asking(s.Address)
	r.timeout = 20 * time.Second
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			if list, err := r.MX(t.Context(), "a.example"); err != nil || list[0].Host != "mx.example" {
				t.Errorf("MX = %v, %v", list, err)
			}
		})
	}
	q := question{"a.example", mdns.TypeMX}
	until(t, "everybody waits", func() bool { return waiting(r, q) == askers })
	<-came
	close(may)
	all.Wait()
	if got, want := counted(r.cache.count), fmt.Sprintf("requests %d network 1 hits 0 misses %d exceptions 0 expired 0", askers, askers); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestImpatientAskers: one who leaves takes nothing from the others, and when the last has left the question is dropped.
func TestImpatientAskers(t *testing.T) {
	s := dnstest.Start(t)
	came, may := slowly(t, s, "a.example", "a.example. 60 IN MX 5 mx.example.")
	r := asking(s.Address)
	r.timeout = 20 * time.Second
	q := question{"a.example", mdns.TypeMX}
	errs := make(chan error, 2)
	ask := func() context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, err := r.MX(ctx, "a.example"); errs <- err }()
		return cancel
	}
	first := ask()
	<-came
	second := ask()
	until(t, "both wait", func() bool { return waiting(r, q) == 2 })
	first()
	if err := <-errs; KindOf(err) != Temporary {
		t.Errorf("who left was told %v", err)
	}
	if n := waiting(r, q); n != 1 {
		t.Fatalf("%d wait, want 1", n)
	}
	second()
	if err := <-errs; KindOf(err) != Temporary {
		t.Errorf("who left last was told %v", err)
	}
	if n := len(r.cache.flights); n != 0 {
		t.Errorf("%d questions are under way without anybody who waits", n)
	}
	close(may)
	if _, err := r.MX(t.Context(), "a.example"); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

// TestFaultsStayInTheFlight: what goes wrong in the program itself costs the question and nothing else.
func TestFaultsStayInTheFlight(t *testing.T) {
	r := asking("127.0.0.1:1")
	r.servers = func() serverSet { panic("as ordered") }
	if _, err := r.MX(t.Context(), "a.example"); KindOf(err) != Temporary {
		t.Errorf("got %v", err)
	}
	if n := len(r.cache.flights); n != 0 {
		t.Errorf("%d questions are still under way", n)
	}
}
