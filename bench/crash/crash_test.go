package crash

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/bench/rig"
)

// binary is the posthouse that TestMain built.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "posthouse-crash")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "posthouse")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/posthouse").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building posthouse: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.RemoveAll(dir); os.Exit(status) }))
}

// options are a short test of the program as it is. The interval is a long one: while other tests use the disk, a sync takes
// what it takes; make bench-kill is strict.
func options(t *testing.T) Options {
	return Options{Binary: binary, Dir: t.TempDir(), Rounds: 10, Within: 400 * time.Millisecond, Sessions: 20, Size: 2000,
		Interval: time.Second, Backlog: 500, Drain: rig.Patience, Seed: rand.Uint64(), Progress: t.Output()}
}

// TestKill is the short version of make bench-kill.
func TestKill(t *testing.T) {
	r, err := Run(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	r.Write(t.Output())
	if err := r.Fault(); err != nil {
		t.Error(err)
	}
	if r.Acknowledged == 0 || r.Came < r.Acknowledged || r.starting() != 1 {
		t.Errorf("%d acknowledged, %d came, %d killed while starting", r.Acknowledged, r.Came, r.starting())
	}
}

// TestLossIsSeen removes the spool after a kill: everything that had been acknowledged and not delivered is called lost.
func TestLossIsSeen(t *testing.T) {
	c := newChase(options(t))
	defer c.end()
	if err := c.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.sink.Stop() // nothing is delivered
	if _, err := c.appliance.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.begin(t.Context())
	if err := c.await(t.Context(), func() bool { return c.tracker.Acknowledged.Load() >= 20 }); err != nil {
		t.Fatal(err)
	}
	if err := c.kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.appliance.Data, "spool")); err != nil {
		t.Fatal(err)
	}
	if err := c.sink.Start(); err != nil {
		t.Fatal(err)
	}
	c.Drain = time.Second
	r, err := c.last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Acknowledged == 0 || r.Lost != r.Acknowledged || r.Fault() == nil {
		t.Errorf("%d of %d are lost, %v", r.Lost, r.Acknowledged, r.Fault())
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestJudge(t *testing.T) {
	r := &Report{Interval: ms(50), Kills: []Kill{{At: ms(100), Closed: ms(110), Open: 1}, {At: ms(300), Closed: ms(301)}, {At: ms(400), Closed: ms(400)}}}
	arrivals := []time.Duration{ms(10), ms(60), ms(105), ms(200), ms(260), ms(290), ms(500)}
	r.judge(slices.Values(arrivals), []rig.Repeat{{Before: ms(60), Again: ms(200)}, {Before: ms(105), Again: ms(500)}, {Before: ms(200), Again: ms(500)}})
	want := []Kill{
		{At: ms(100), Closed: ms(110), Open: 1, Recent: 2, Twice: 2, Oldest: ms(40)},
		{At: ms(300), Closed: ms(301), Recent: 2, Twice: 1, Oldest: ms(100)},
		{At: ms(400), Closed: ms(400)},
	}
	if !slices.Equal(r.Kills, want) || r.Doubled != 0 || r.Fault() != nil {
		t.Errorf("%+v, want %+v; doubled %d, fault %v", r.Kills, want, r.Doubled, r.Fault())
	}
	if r.worst() != want[0] || r.oldest() != ms(100) {
		t.Errorf("the worst is %+v, the oldest %v", r.worst(), r.oldest())
	}
}

// TestFault names each thing that must not be.
func TestFault(t *testing.T) {
	for want, r := range map[string]*Report{
		"2 messages that were acknowledged are lost":                                  {Lost: 2},
		"1 messages came damaged":                                                     {Corrupt: 1},
		"3 messages came that nobody sent whole":                                      {Ghost: 5, Unknown: 2},
		"kill 0: 3 messages came again, 2 may: 1 on their way and 1 of the last 50ms": {Interval: ms(50), Kills: []Kill{{Open: 1, Recent: 1, Twice: 3}}},
	} {
		if err := r.Fault(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	r := &Report{}
	r.judge(slices.Values([]time.Duration{ms(1), ms(2)}), []rig.Repeat{{Before: ms(1), Again: ms(2)}})
	if err := r.Fault(); err == nil || !strings.Contains(err.Error(), "1 messages came twice without a kill between") {
		t.Errorf("a repeat without a kill: %v", err)
	}
	r = &Report{Ghost: 1, Unknown: 1, Kills: []Kill{{Open: 1, Twice: 1}}}
	r.Write(io.Discard)
	if err := r.Fault(); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
}
