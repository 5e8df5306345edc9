// Package operators plays people and programs at the shell, over SSH and at random: for soak tests and benchmarks. It knows
// the commands that it types and nothing of what they do.
package operators

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Crowd keeps a number of sessions open at once, each over a connection of its own.
type Crowd struct {
	Address string // host:port
	Config  *ssh.ClientConfig
	Size    int           // sessions at once
	Pace    time.Duration // how long somebody thinks between two actions, on the average; 0: not at all
	Stay    time.Duration // how long a terminal is kept open at least, however little is done there: this on the average, up to half of it more or less
	Seed    uint64
	Gather  func() // called once all sit at their prompts, before anybody does anything; may be nil
	Calm    bool   // nobody follows or searches mail_logs, nor tries passphrases: work that costs as much as is asked of it

	Visits  atomic.Int64 // sessions that were begun
	Actions atomic.Int64 // lines, keys, new sizes
	Open    atomic.Int64 // sessions at present

	dialing chan struct{}
	seated  atomic.Int64  // sessions at a prompt that have waited for the others
	full    chan struct{} // closed when all sessions were open at once
}

// NewCrowd makes a crowd of a size at an address. Its other fields may be set before Run.
func NewCrowd(address string, config *ssh.ClientConfig, size int) *Crowd {
	return &Crowd{Address: address, Config: config, Size: size, Seed: 1, dialing: make(chan struct{}, maxDialing), full: make(chan struct{})}
}

// Full is closed once all sessions of the crowd are open at the same time. Until then nobody does anything.
func (c *Crowd) Full() <-chan struct{} { return c.full }

// maxDialing bounds how many of a crowd log in at once: a server may refuse more strangers than that.
const maxDialing = 32

// Run lets the crowd come and go until ctx ends, and returns when all have left. It is the first reason why somebody could
// not log in or begin a session.
func (c *Crowd) Run(ctx context.Context) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	faults := make(chan error, c.Size)
	var wg sync.WaitGroup
	for i := range c.Size {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(c.Seed, uint64(i)))
			for ctx.Err() == nil {
				if err := c.visit(ctx, random); err != nil && ctx.Err() == nil {
					faults <- err
					leave() // the others may wait for this one
					return
				}
			}
		})
	}
	wg.Wait()
	close(faults)
	return <-faults
}

// visit is one session, until its operator leaves, vanishes or ctx ends.
func (c *Crowd) visit(ctx context.Context, random *rand.Rand) error {
	conn, client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("a session: %w", err)
	}
	v := &visitor{crowd: c, random: random, session: s, conn: conn}
	if v.in, err = s.StdinPipe(); err != nil {
		return err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	c.Visits.Add(1)
	c.Open.Add(1)
	defer c.Open.Add(-1)
	reading := make(chan struct{})
	go func() { defer close(reading); io.Copy(io.Discard, out) }()
	err = v.stay(ctx)
	client.Close()
	<-reading
	return err
}

// arrived waits until the whole crowd sits at its prompts for the first time.
func (c *Crowd) arrived(ctx context.Context) {
	if c.seated.Add(1) == int64(c.Size) {
		if c.Gather != nil {
			c.Gather()
		}
		close(c.full)
	}
	select {
	case <-c.full:
	case <-ctx.Done():
	}
}

// whole says whether all have arrived.
func (c *Crowd) whole() bool { return c.seated.Load() >= int64(c.Size) }

// pause waits, or returns when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (c *Crowd) connect(ctx context.Context) (net.Conn, *ssh.Client, error) {
	select {
	case c.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	defer func() { <-c.dialing }()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	sc, channels, requests, err := ssh.NewClientConn(conn, c.Address, c.Config)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("log in: %w", err)
	}
	return conn, ssh.NewClient(sc, channels, requests), nil
}

// visitor is one session's operator.
type visitor struct {
	crowd   *Crowd
	random  *rand.Rand
	session *ssh.Session
	conn    net.Conn
	in      io.WriteCloser
}

// execs, scripted and typed are what operators do; nothing of it is committed.
var (
	execs = []string{"version", "status | grep Uptime", "whoami; who | count", "tophosts active --json", "help | head 3", "grep -i done mail_logs | last 5",
		"destconfig list; smtproutes print", "sethostname", "nonsense; version", "tail -n 5 mail_logs"}
	scripted = []string{"version", "help | grep config", "status --json", "destconfig\nlist\n", "smtproutes new a.example 192.0.2.1", "clearchanges -y",
		"tail mail_logs | head 3", "nonsense", "who", "set paging off", "listenerconfig\n\n", "showchanges | count"}
	typed = []string{"help\r", "whoami\r", "destconfig\rnew\r", "passphrase\rgeheim\r", "certconfig\rcertificate\rpaste\r", "tail mail_logs\r", "\x03", "\x12ver",
		"\x1b[A\r", "sho\t\t", "listenerconfig\redit\r1\r", "half a line", "\r", " ", "q", "?\r", "destconfig new ?\r", "\x1b[D\x1b[C\x1bb\x17\x19", "äöü日本語e\u0301\x7f\x7f",
		"\x1b[200~pasted text\x1b[201~\r", "status\r", "\x15", "\x0c", "\x1a"}
)

// stay does one of the things that people and programs do.
func (v *visitor) stay(ctx context.Context) error {
	switch n := v.random.IntN(10); {
	case !v.crowd.whole(): // a program would not wait
	case n < 2:
		return v.exec(ctx)
	case n < 4:
		return v.script(ctx)
	}
	return v.terminal(ctx)
}

// exec sends one exec request, and waits for its end or vanishes.
func (v *visitor) exec(ctx context.Context) error {
	if err := v.session.Start(v.pick(execs)); err != nil {
		return fmt.Errorf("an exec request: %w", err)
	}
	v.crowd.Actions.Add(1)
	v.think(ctx)
	if v.random.IntN(3) > 0 {
		v.in.Close()
		if v.random.IntN(2) > 0 {
			v.session.Wait() // tail goes on after the end of input; whoever started it has vanished
		}
	}
	return nil
}

// script sends lines on standard input.
func (v *visitor) script(ctx context.Context) error {
	if err := v.session.Shell(); err != nil {
		return fmt.Errorf("a script: %w", err)
	}
	for range 1 + v.random.IntN(20) {
		if !v.send(ctx, v.pick(scripted)+"\n") {
			return nil
		}
	}
	if v.random.IntN(3) > 0 {
		v.in.Close()
	}
	return nil
}

// terminal types, resizes, and leaves in every way there is.
func (v *visitor) terminal(ctx context.Context) error {
	width, height := v.size()
	if err := v.session.RequestPty([]string{"xterm", "vt100", "dumb", ""}[v.random.IntN(4)], height, width, nil); err != nil {
		return fmt.Errorf("a terminal: %w", err)
	}
	if err := v.session.Shell(); err != nil {
		return fmt.Errorf("a shell: %w", err)
	}
	v.crowd.arrived(ctx)
	began, stay := time.Now(), v.crowd.Stay/2+time.Duration(v.random.Int64N(int64(v.crowd.Stay)+1))
	v.think(ctx)
	for range 1 + v.random.IntN(60) {
		if v.random.IntN(3) == 0 {
			width, height := v.size()
			if v.session.WindowChange(height, width) != nil {
				return nil
			}
		}
		if !v.send(ctx, v.pick(typed)) {
			return nil
		}
	}
	pause(ctx, stay-time.Since(began))
	switch v.random.IntN(4) {
	case 0:
		v.send(ctx, "\x03\x03q\x03\x15exit\ry\r")
	case 1:
		v.session.Close()
	case 2:
		v.conn.Close()
	}
	return nil
}

// size is a terminal's, some of them impossible.
func (v *visitor) size() (width, height int) {
	if v.random.IntN(10) == 0 {
		n := []int{0, 1, 16777215}[v.random.IntN(3)]
		return n, n
	}
	return 20 + v.random.IntN(200), 2 + v.random.IntN(60)
}

// send does one action and thinks afterwards. It is false when nobody listens any more.
func (v *visitor) send(ctx context.Context, text string) bool {
	if _, err := io.WriteString(v.in, text); err != nil {
		return false
	}
	v.crowd.Actions.Add(1)
	v.think(ctx)
	return ctx.Err() == nil
}

func (v *visitor) think(ctx context.Context) {
	if v.crowd.Pace <= 0 {
		return
	}
	pause(ctx, time.Duration(v.random.Int64N(2*int64(v.crowd.Pace)+1)))
}

// pick chooses what is done next.
func (v *visitor) pick(list []string) string {
	for {
		what := list[v.random.IntN(len(list))]
		if !v.crowd.Calm || !strings.Contains(what, "mail_logs") && !strings.Contains(what, "passphrase") {
			return what
		}
	}
}
