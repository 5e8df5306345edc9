package testscripts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"posthouse/internal/operators"
)

// soakVerb is "soak NAME": sessions come and go at random while mail flows. The short form is a few dozen of them for a few
// seconds; with SOAK set to a duration, 500 of them for so long. Every mail must be accepted, and afterwards the process has
// no more goroutines and files open than before.
func soakVerb(ts *testscript.TestScript, neg bool, args []string) {
	a := worldOf(ts).appliances[args[0]]
	lasts, size := 4*time.Second, 40
	if long := os.Getenv("SOAK"); long != "" {
		var err error
		lasts, err = time.ParseDuration(long)
		ts.Check(err)
		size = soakMost
	}
	key, err := ssh.ParsePrivateKey([]byte(ts.ReadFile("id_ed25519")))
	ts.Check(err)
	config := &ssh.ClientConfig{User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	w := &soaking{ts: ts, a: a, address: ts.Getenv(a.name + "_OutboundMail")}
	crowd := func(size int) *operators.Crowd {
		c := operators.NewCrowd(ts.Getenv(a.name+"_SSH"), config, size)
		c.Pace, c.Seed = 200*time.Millisecond, uint64(size)
		if size == soakMost {
			c.Stay = 3 * time.Minute // under the race detector a login takes a tenth of a second of both processors
		}
		return c
	}
	w.run(crowd(10), time.Second) // until then the process still grows to its usual size
	files, goroutines := a.usage(ts).files, w.goroutines()
	w.run(crowd(size), lasts)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	const slack = 4 // the workers for mail come and go
	if err := poll(ctx, func() bool { return a.usage(ts).files <= files+slack && w.goroutines() <= goroutines+slack }); err != nil {
		ts.Fatalf("something is left: %d files before and %d after, %d goroutines before and %d after", files, a.usage(ts).files, goroutines, w.goroutines())
	}
	ts.Logf("%d files before and %d after, %d goroutines before and %d after", files, a.usage(ts).files, goroutines, w.goroutines())
}

const (
	soakMost = 500              // sessions with SOAK
	filling  = 10 * time.Minute // until all of them must be there
)

// soaking is one soak.
type soaking struct {
	ts      *testscript.TestScript
	a       *appliance
	address string // where mail is sent
	counted bool   // the appliance has said that it has all sessions
}

// run lets a crowd do what it likes for a while, with mail beside it. The time counts from when all of them are there.
func (w *soaking) run(crowd *operators.Crowd, lasts time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mails, least, most, sum int64
	var mailing, sitting error
	var wg sync.WaitGroup
	crowd.Gather = func() { w.counted = w.count(ctx, crowd) }
	wg.Go(func() { defer stop(); sitting = crowd.Run(ctx) })
	w.fill(ctx, crowd)
	if !w.counted {
		stop()
		wg.Wait()
		w.ts.Check(sitting)
		w.ts.Fatalf("the appliance has fewer than %d sessions", crowd.Size)
	}
	began := time.Now()
	least = crowd.Open.Load()
	defer time.AfterFunc(lasts, stop).Stop()
	for ctx.Err() == nil && mailing == nil {
		if mailing = w.mail(); mailing == nil {
			mails++
		}
		if open := crowd.Open.Load(); ctx.Err() == nil {
			least, most, sum = min(least, open), max(most, open), sum+open
		}
	}
	stop()
	wg.Wait()
	w.ts.Check(mailing)
	w.ts.Check(sitting)
	if mails == 0 {
		w.ts.Fatalf("no mail was accepted")
	}
	w.ts.Logf("%d sessions, %d to %d at once, %d on the average of all mails, with %d actions in %v; %d mails", crowd.Visits.Load(), least, most, sum/mails,
		crowd.Actions.Load(), time.Since(began).Round(time.Second), mails)
}

// fill waits until the whole crowd is there at once, and counted.
func (w *soaking) fill(ctx context.Context, crowd *operators.Crowd) {
	limit := time.NewTimer(filling)
	defer limit.Stop()
	select {
	case <-crowd.Full():
	case <-limit.C:
		w.ts.Fatalf("%d of %d sessions were open after %v", crowd.Open.Load(), crowd.Size, filling)
	case <-ctx.Done():
	}
}

// count asks the appliance until it says that it has all of the crowd's sessions.
func (w *soaking) count(ctx context.Context, crowd *operators.Crowd) bool {
	client, err := ssh.Dial("tcp", crowd.Address, crowd.Config)
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return poll(ctx, func() bool {
		session, err := client.NewSession()
		if err != nil {
			return false
		}
		defer session.Close()
		said, err := session.Output("who | count")
		n := 0
		_, notCounted := fmt.Sscanf(string(said), "Count: %d lines", &n)
		return err == nil && notCounted == nil && n >= crowd.Size
	}) == nil
}

// mail sends one message.
func (w *soaking) mail() error {
	err := smtp.SendMail(w.address, nil, "a@example.com", []string{"b@elsewhere.example"}, []byte("Subject: soak\r\n\r\nText\r\n"))
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

var goroutineCount = regexp.MustCompile(`(?m)^posthouse_goroutines (\d+)`)

// goroutines is how many the appliance's metrics tell of.
func (w *soaking) goroutines() int {
	data, err := os.ReadFile(w.a.addressFile())
	w.ts.Check(err)
	var bound struct {
		Metrics string `json:"metrics"`
	}
	w.ts.Check(json.Unmarshal(data, &bound))
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + bound.Metrics + "/metrics")
	w.ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	w.ts.Check(err)
	found := goroutineCount.FindSubmatch(text)
	if found == nil {
		w.ts.Fatalf("the metrics have no posthouse_goroutines:\n%s", text)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}
