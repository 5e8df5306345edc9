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
	"sync/atomic"
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
		size = 500
	}
	key, err := ssh.ParsePrivateKey([]byte(ts.ReadFile("id_ed25519")))
	ts.Check(err)
	config := &ssh.ClientConfig{User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	w := &soaking{ts: ts, a: a, address: ts.Getenv(a.name + "_OutboundMail")}
	crowd := func(size int) *operators.Crowd {
		return &operators.Crowd{Address: ts.Getenv(a.name + "_SSH"), Config: config, Size: size, Pace: 200 * time.Millisecond, Seed: uint64(size)}
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

// soaking is one soak.
type soaking struct {
	ts      *testscript.TestScript
	a       *appliance
	address string // where mail is sent
}

// run lets a crowd do what it likes for a while, with mail beside it.
func (w *soaking) run(crowd *operators.Crowd, lasts time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), lasts)
	defer stop()
	var mails, most atomic.Int64
	var mailing, sitting error
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil && mailing == nil {
			if mailing = w.mail(); mailing == nil {
				mails.Add(1)
			}
			most.Store(max(most.Load(), crowd.Open.Load()))
		}
	})
	wg.Go(func() { sitting = crowd.Run(ctx) })
	wg.Wait()
	w.ts.Check(mailing)
	w.ts.Check(sitting)
	w.ts.Logf("%d sessions, up to %d at once, with %d actions in %v; %d mails", crowd.Visits.Load(), most.Load(), crowd.Actions.Load(), lasts, mails.Load())
	if mails.Load() == 0 {
		w.ts.Fatalf("no mail was accepted")
	}
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
