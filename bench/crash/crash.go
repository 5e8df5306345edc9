// Package crash kills a posthouse under load, again and again, and requires at a counting sink every message that was
// acknowledged. What comes twice is held against what the rules allow: what was on its way, and the completions of one sync
// interval before the kill. It knows the program's command line and nothing of its packages.
package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"posthouse/bench/rig"
)

// Options are how often and how hard.
type Options struct {
	Binary   string        // posthouse
	Dir      string        // a folder of the disk to test
	Rounds   int           // kills
	Within   time.Duration // a kill comes at a random moment of this much time under load
	Sessions int           // at once
	Size     int           // bytes of a message's body
	Interval time.Duration // the sync interval: completions this old may come again
	Backlog  int64         // deliveries catch up to this many messages before the next load begins
	Drain    time.Duration // how long nothing may arrive while something is missing
	Seed     uint64        // of the random moments
	Progress io.Writer     // a line now and then
}

const (
	startingEvery = 10     // each so many-th kill comes while the appliance is still starting
	perSecond     = 25_000 // messages of load that there is room for
	settled       = time.Second
)

// chase is one test.
type chase struct {
	Options
	random    *rand.Rand
	appliance *rig.Appliance
	sink      *rig.Sink
	tracker   *rig.Tracker
	load      rig.Load // First is the next message's number
	unknown   int64
	usual     time.Duration // how long the last start took
	kills     []Kill

	stop   context.CancelFunc // ends the load that runs, nil when none does
	loaded chan *rig.LoadResult
}

// Run kills o.Rounds times, lets everything drain and returns the verdict. An error means that the test itself failed.
func Run(ctx context.Context, o Options) (*Report, error) {
	c := newChase(o)
	defer c.end()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	for number := range o.Rounds {
		if err := c.round(ctx, number); err != nil {
			return nil, fmt.Errorf("kill %d: %w", number, err)
		}
	}
	return c.last(ctx)
}

func newChase(o Options) *chase {
	messages := int(float64(o.Rounds) * o.Within.Seconds() * perSecond)
	return &chase{Options: o, random: rand.New(rand.NewPCG(o.Seed, 0)), sink: &rig.Sink{Addr: "127.0.0.1:0"},
		appliance: &rig.Appliance{Binary: o.Binary, Data: filepath.Join(o.Dir, "data")},
		tracker:   rig.NewTracker(messages, 1),
		load:      rig.Load{Size: o.Size, Sessions: o.Sessions, PerSession: 100, Rcpts: 1}}
}

// prepare starts the sink and sets the appliance up.
func (c *chase) prepare(ctx context.Context) error {
	if err := c.sink.Start(); err != nil {
		return err
	}
	c.sink.Track(c.tracker)
	return setUp(ctx, c.appliance, c.sink.Addr)
}

// setUp makes the folder and routes all mail to the sink, with the commands that an operator would type. One host opens all
// connections here, so the listener's limits are raised.
func setUp(ctx context.Context, a *rig.Appliance, sink string) error {
	if err := a.Init(ctx); err != nil {
		return err
	}
	if _, err := a.Start(ctx); err != nil {
		return err
	}
	defer a.End(syscall.SIGTERM)
	host, port, err := net.SplitHostPort(sink)
	if err != nil {
		return err
	}
	return a.Console(ctx, "smtproutes new ALL ["+host+"]:"+port,
		"listenerconfig edit OutboundMail hostaccess default max_concurrency 5000",
		"listenerconfig edit OutboundMail max_connections 5000",
		"commit bench")
}

// end leaves nothing running.
func (c *chase) end() {
	c.appliance.End(syscall.SIGKILL)
	c.endLoad()
	c.sink.Stop()
}

// round is one life and its end.
func (c *chase) round(ctx context.Context, number int) error {
	kill := Kill{Starting: number%startingEvery == startingEvery-1}
	acked, came := c.tracker.Acknowledged.Load(), c.tracker.Pairs.Load()
	var err error
	if kill.Starting {
		err = c.interruptStart(ctx)
	} else {
		err = c.underLoad(ctx, &kill)
	}
	if err != nil {
		return err
	}
	kill.Open, kill.At = c.sink.Open(), c.tracker.Since()
	if err := c.kill(); err != nil {
		return err
	}
	kill.Closed = c.tracker.Since()
	kill.Acked, kill.Came = c.tracker.Acknowledged.Load()-acked, c.tracker.Pairs.Load()-came
	kill.Backlog, _ = c.tracker.Check()
	c.kills = append(c.kills, kill)
	if number%10 == 9 {
		fmt.Fprintf(c.Progress, "%d kills: %d acknowledged, %d came, %d of them again; the last start took %v\n", number+1,
			c.tracker.Acknowledged.Load(), c.tracker.Pairs.Load(), c.tracker.Dups.Load(), c.usual.Round(time.Millisecond))
	}
	return nil
}

// interruptStart launches and returns at a random moment of the time that a start takes.
func (c *chase) interruptStart(ctx context.Context) error {
	if err := c.appliance.Launch(); err != nil {
		return err
	}
	return c.pass(ctx, time.Duration(c.random.Int64N(int64(c.usual)+1)))
}

// underLoad starts, lets deliveries catch up, and returns at a random moment of a load that ends with the kill.
func (c *chase) underLoad(ctx context.Context, kill *Kill) error {
	var err error
	if kill.Start, err = c.appliance.Start(ctx); err != nil {
		return err
	}
	c.usual = kill.Start
	if err := c.await(ctx, func() bool { return c.backlog() <= c.Backlog }); err != nil {
		return err
	}
	c.begin(ctx)
	return c.pass(ctx, time.Duration(c.random.Int64N(int64(c.Within))))
}

// begin starts a load at full rate.
func (c *chase) begin(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.load.Addr, c.load.N = c.appliance.Listener, c.tracker.Len()-c.load.First
	c.loaded = make(chan *rig.LoadResult, 1)
	load := c.load
	go func() { c.loaded <- load.Run(ctx, c.tracker) }()
}

// endLoad waits until no session of the load is left.
func (c *chase) endLoad() {
	if c.stop == nil {
		return
	}
	c.stop()
	r := <-c.loaded
	c.load.First = r.Next
	c.unknown += r.Unknown
	c.stop = nil
}

// kill ends the process while the load goes on, then the load, and waits for what the kernel still passes on.
func (c *chase) kill() error {
	select {
	case <-c.appliance.Ended:
		return fmt.Errorf("the appliance ended by itself: %s", c.appliance.Output)
	default:
	}
	c.appliance.End(syscall.SIGKILL)
	c.endLoad()
	c.sink.AwaitQuiet()
	return nil
}

// backlog is how many acknowledged messages have not come. Those that came without an acknowledgement make it too small by
// as many, which nothing here depends on.
func (c *chase) backlog() int64 { return c.tracker.Acknowledged.Load() - c.tracker.Pairs.Load() }

// last lets everything drain and stops the appliance in order.
func (c *chase) last(ctx context.Context) (*Report, error) {
	start, err := c.appliance.Start(ctx)
	if err != nil {
		return nil, err
	}
	complete := func() bool {
		lost, _ := c.tracker.Check()
		return lost == 0
	}
	if err := c.await(ctx, complete); err != nil && !errors.Is(err, errStill) {
		return nil, err
	}
	if err := c.calm(ctx); err != nil {
		return nil, err
	}
	c.appliance.End(syscall.SIGTERM)
	c.sink.AwaitQuiet()
	return c.report(start), nil
}

// errStill is a wait that was given up because nothing came any more.
var errStill = errors.New("deliveries stand still")

// await waits until done says so, as long as something keeps coming.
func (c *chase) await(ctx context.Context, done func() bool) error {
	came, since := int64(-1), time.Now()
	for !done() {
		if err := c.pass(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if n := c.tracker.Transactions.Load(); n != came {
			came, since = n, time.Now()
		} else if time.Since(since) > c.Drain {
			return fmt.Errorf("%w: %d messages are missing", errStill, c.backlog())
		}
	}
	return nil
}

// calm waits until nothing has come for a while: duplicates may follow the last message that was missing.
func (c *chase) calm(ctx context.Context) error {
	for came := int64(-1); came != c.tracker.Transactions.Load(); {
		came = c.tracker.Transactions.Load()
		if err := c.pass(ctx, settled); err != nil {
			return err
		}
	}
	return nil
}

// pass lets time go by.
func (c *chase) pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
