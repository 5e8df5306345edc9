package crash

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"posthouse/bench/rig"
)

// Kill is one kill and what it cost.
type Kill struct {
	Starting bool          // the appliance was starting; there was no load
	Start    time.Duration // how long the start before it took
	At       time.Duration // the signal, on the tracker's clock
	Closed   time.Duration // when the last connection to the sink had ended
	Acked    int64         // messages acknowledged in this life
	Came     int64         // messages that came for the first time in this life
	Backlog  int64         // acknowledged and not come

	Open   int           // connections to the sink at the signal: each may have had one message on its way
	Recent int           // arrivals of the sync interval before the signal
	Twice  int           // arrivals of this life that came again after it
	Oldest time.Duration // how long before the signal the oldest of them had come
}

// May is how many may come again.
func (k Kill) May() int { return k.Open + k.Recent }

// Report is the verdict.
type Report struct {
	Kills                               []Kill
	Interval, LastStart                 time.Duration
	Acknowledged, Came, Unknown         int64
	Lost, Ghost, Corrupt, Dups, Doubled int64 // Doubled: came twice in one life, which no kill excuses
}

func (c *chase) report(start time.Duration) *Report {
	r := &Report{Kills: c.kills, Interval: c.Interval, LastStart: start, Acknowledged: c.tracker.Acknowledged.Load(),
		Came: c.tracker.Pairs.Load(), Unknown: c.unknown, Corrupt: c.tracker.Corrupt.Load(), Dups: c.tracker.Dups.Load()}
	r.Lost, r.Ghost = c.tracker.Check()
	r.judge(c.tracker.Arrivals(), c.tracker.Repeats())
	return r
}

// judge gives each arrival, and each repeat, to the kill that ended the life in which it came.
func (r *Report) judge(arrivals iter.Seq[time.Duration], repeats []rig.Repeat) {
	for at := range arrivals {
		if i := r.life(at); i < len(r.Kills) && r.Kills[i].At-at <= r.Interval {
			r.Kills[i].Recent++
		}
	}
	for _, again := range repeats {
		i := r.life(again.Before)
		if i == r.life(again.Again) {
			r.Doubled++
			continue
		}
		r.Kills[i].Twice++
		r.Kills[i].Oldest = max(r.Kills[i].Oldest, r.Kills[i].At-again.Before)
	}
}

// life is the number of the life in which the moment lies: that of the kill which ended it.
func (r *Report) life(at time.Duration) int {
	i, _ := slices.BinarySearchFunc(r.Kills, at, func(k Kill, at time.Duration) int { return cmp.Compare(k.Closed, at) })
	return i
}

// Fault joins everything that must not be.
func (r *Report) Fault() error {
	var faults []error
	for _, must := range []struct {
		what string
		n    int64
	}{
		{"messages that were acknowledged are lost", r.Lost},
		{"messages came damaged", r.Corrupt},
		{"messages came twice without a kill between", r.Doubled},
		{"messages came that nobody sent whole", max(0, r.Ghost-r.Unknown)},
	} {
		if must.n > 0 {
			faults = append(faults, fmt.Errorf("%d %s", must.n, must.what))
		}
	}
	for i, k := range r.Kills {
		if k.Twice > k.May() {
			faults = append(faults, fmt.Errorf("kill %d: %d messages came again, %d may: %d on their way and %d of the last %v", i, k.Twice, k.May(),
				k.Open, k.Recent, r.Interval))
		}
	}
	return errors.Join(faults...)
}

// Write prints a line a kill and the sums.
func (r *Report) Write(w io.Writer) {
	fmt.Fprintln(w, "kill  start ms  acked  came  backlog  again  may (on their way + recent)  oldest ms")
	for i, k := range r.Kills {
		start := fmt.Sprint(k.Start.Milliseconds())
		if k.Starting {
			start = "cut"
		}
		fmt.Fprintf(w, "%4d  %8s  %5d  %4d  %7d  %5d  %3d (%d + %d)  %d\n", i, start, k.Acked, k.Came, k.Backlog, k.Twice, k.May(), k.Open, k.Recent,
			k.Oldest.Milliseconds())
	}
	worst := r.worst()
	fmt.Fprintf(w, "\n%d kills, %d of them while starting; %d messages acknowledged, %d came; no answer to %d, of which %d came\n",
		len(r.Kills), r.starting(), r.Acknowledged, r.Came, r.Unknown, r.Ghost)
	fmt.Fprintf(w, "lost %d, damaged %d, came again %d, at most %d after one kill (%d were allowed), the oldest %v before its kill\n",
		r.Lost, r.Corrupt, r.Dups, worst.Twice, worst.May(), r.oldest())
	fmt.Fprintf(w, "start to accepting: at most %v, the last %v\n", r.slowest().Round(time.Millisecond), r.LastStart.Round(time.Millisecond))
}

// worst is the kill after which most came again.
func (r *Report) worst() (worst Kill) {
	for _, k := range r.Kills {
		if k.Twice > worst.Twice {
			worst = k
		}
	}
	return worst
}

func (r *Report) starting() (n int) {
	for _, k := range r.Kills {
		if k.Starting {
			n++
		}
	}
	return n
}

func (r *Report) oldest() (d time.Duration) {
	for _, k := range r.Kills {
		d = max(d, k.Oldest)
	}
	return d
}

func (r *Report) slowest() (d time.Duration) {
	for _, k := range r.Kills {
		d = max(d, k.Start)
	}
	return max(d, r.LastStart)
}
