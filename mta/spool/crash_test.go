package spool

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// explorer opens crash states and counts them.
type explorer struct {
	d     *disk
	v     *variant
	dir   string
	most  int // plans at each point
	limit int // failures after which it stops

	seen    sync.Map // hashes, and hashes with what was known then
	count   atomic.Int64
	opened  atomic.Int64
	failed  atomic.Int64
	mu      sync.Mutex
	faults  []string
	samples []sample
	each    int64 // of so many states one is kept as a sample; 0: none

	dropped, moved int // segments that were removed, and records of messages that were written anew
}

// sample is a crash state in which life goes on.
type sample struct {
	img    image
	ledger *ledger
}

// explore cuts a disk's history at every point.
func (e *explorer) explore(d *disk, l *ledger, seed uint64, workers int) {
	e.d = d
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			root := filepath.Join(e.dir, fmt.Sprint(worker))
			h := d.beginning(l.clone())
			for i, st := range d.steps {
				h.take(st)
				if e.failed.Load() >= int64(e.limit) {
					return
				}
				if i%workers == worker {
					e.cut(h, root, i, rand.New(rand.NewPCG(seed, uint64(i))))
				}
			}
		})
	}
	wg.Wait()
}

// cut tries what may be left at one point.
func (e *explorer) cut(h *history, root string, point int, r *rand.Rand) {
	for _, fates := range h.plans(r, e.most) {
		img := h.crash(fates)
		hash := img.hash()
		if _, known := e.seen.LoadOrStore(hash, true); !known {
			e.count.Add(1)
		}
		if _, known := e.seen.LoadOrStore([2]uint64{hash, uint64(h.facts)}, true); known {
			continue
		}
		if err := e.try(img, root, h.ledger, h.now); err != nil {
			e.fault(fmt.Sprintf("%spower cut after step %d:\n%s%v", e.d.trace(point, 4000), point, h.tell(fates), err))
		}
		if n := e.opened.Add(1); e.each > 0 && n%e.each == 0 {
			e.mu.Lock()
			l := h.ledger.clone()
			l.learn(&fact{kind: factKilled}, h.now)
			e.samples = append(e.samples, sample{img, l})
			e.mu.Unlock()
		}
	}
}

func (e *explorer) fault(text string) {
	if e.failed.Add(1) > int64(e.limit) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, text)
}

// try opens a crash state and judges it.
func (e *explorer) try(img image, root string, l *ledger, now time.Time) error {
	d := newDisk(root, img, newLedger(0))
	s, err := e.v.open(d)
	if err != nil {
		return err
	}
	_, err = l.compare(s, now)
	d.kill()
	s.Close()
	return err
}

// crashStates is how many distinct states are tried at least.
func crashStates() int64 {
	n, err := strconv.ParseInt(os.Getenv("CRASHSTATES"), 10, 64)
	if err != nil {
		n = 12000
		if raceEnabled {
			n = 1500
		}
	}
	return n
}

// TestPowerCuts cuts the power at every point of long runs, and again in what follows.
func TestPowerCuts(t *testing.T) {
	e := &explorer{v: &variant{}, dir: t.TempDir(), most: 12, limit: 3, each: 400}
	if raceEnabled {
		e.most, e.each = 3, 1000
	}
	const patient = 20 // rounds: how far the cleaner comes within one is the scheduler's doing
	idle := func() bool { return e.dropped == 0 || e.moved == 0 }
	began := time.Now()
	for seed := uint64(1); (e.count.Load() < crashStates() || idle() && seed <= patient) && !t.Failed(); seed++ {
		e.round(t, seed)
		for _, f := range e.faults {
			t.Error(f)
		}
	}
	t.Logf("%d distinct crash states, %d times opened and judged, in %v", e.count.Load(), e.opened.Load(), time.Since(began).Round(time.Second))
	if idle() {
		t.Errorf("%d segments were dropped and %d rewritten", e.dropped, e.moved)
	}
}

// TestPowerCutsOfADiskThatFails does the same on a disk that refuses some steps: what was refused does not come back once that is
// recorded, and what was not is there.
func TestPowerCutsOfADiskThatFails(t *testing.T) {
	e := &explorer{v: &variant{faults: true}, dir: t.TempDir(), most: 6, limit: 3, each: 400}
	if raceEnabled {
		e.most, e.each = 2, 2000
	}
	began := time.Now()
	for seed := uint64(1); e.count.Load() < crashStates()/4 && !t.Failed(); seed++ {
		e.round(t, seed)
		for _, f := range e.faults {
			t.Error(f)
		}
	}
	t.Logf("%d distinct crash states, %d times opened and judged, in %v", e.count.Load(), e.opened.Load(), time.Since(began).Round(time.Second))
}

// round is one long run, and short ones after some of its power cuts.
func (e *explorer) round(t *testing.T, seed uint64) {
	l := newLedger(slack)
	if e.v.faults {
		l.slack = time.Hour // a state is there when Sync says so
	}
	e.run(t, blank(), l, seed, 4, 25)
	samples := e.samples
	e.samples = nil
	each, most := e.each, e.most
	e.each, e.most = 0, 4
	for i, s := range samples {
		e.run(t, s.img, s.ledger, seed<<32+uint64(i), 2, 6)
	}
	e.each, e.most = each, most
}

// run runs a spool and explores its power cuts.
func (e *explorer) run(t *testing.T, img image, l *ledger, seed uint64, lives, actions int) {
	if e.failed.Load() > 0 {
		return
	}
	d := newDisk(filepath.Join(e.dir, "0"), img, l.clone())
	if err := e.v.live(t, d, rand.New(rand.NewPCG(seed, 0)), lives, actions); err != nil {
		e.fault(fmt.Sprintf("%sa start finds: %v", d.trace(len(d.steps)-1, 100), err))
	} else {
		e.explore(d, l, seed, 2)
	}
	e.dropped += d.removed()
	e.moved += d.moved()
}

// removed counts the segments that were dropped.
func (d *disk) removed() (n int) {
	for i := range d.steps {
		if d.steps[i].kind == stepRemove && strings.HasSuffix(d.steps[i].from, segmentSuffix) {
			n++
		}
	}
	return n
}

// moved counts the records of messages that were written into the log again.
func (d *disk) moved() (n int) {
	seen := make(map[uint64]bool)
	for i := range d.steps {
		st := &d.steps[i]
		if st.kind != stepWrite {
			continue
		}
		number, ok := segmentNumber(filepath.Base(st.file.path))
		for at := int64(0); ok && at+headSize <= int64(len(st.data)); {
			h, good := parseHead(st.data[at:], number, st.offset+at)
			if !good {
				break
			}
			if h.kind <= outsideRecord {
				if seen[h.mid] {
					n++
				}
				seen[h.mid] = true
			}
			at += h.size()
		}
	}
	return n
}
