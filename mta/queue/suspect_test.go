package queue

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/mta/spool"
)

// watch is a Hand that is told who is under suspicion.
type watch struct {
	mu      sync.Mutex
	suspect map[uint64]bool
	parked  map[uint64]bool
	inHand  []uint64
}

func (w *watch) Take(mid uint64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inHand = append(w.inHand, mid)
	return 1
}

func (w *watch) Put(_ int, mid uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.inHand, mid)
	w.inHand = slices.Delete(w.inHand, i, i+1)
	delete(w.suspect, mid) // nobody died of it
}

func (w *watch) Suspect(mid uint64) (bool, bool) { return w.suspect[mid], w.parked[mid] }

func TestSuspectsAreTriedOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{suspect: map[uint64]bool{1: true, 2: true, 3: true, 5: true}, parked: map[uint64]bool{5: true}}
		var mu sync.Mutex
		together, tried := 0, map[uint64]int{}
		deliver := func(ctx context.Context, trip *Trip) {
			for task, ok := trip.First, true; ok; task, ok = trip.Next(ctx) {
				w.mu.Lock()
				suspects := map[uint64]bool{}
				for _, mid := range w.inHand {
					if w.suspect[mid] {
						suspects[mid] = true
					}
				}
				w.mu.Unlock()
				mu.Lock()
				together = max(together, len(suspects))
				tried[task.MID]++
				mu.Unlock()
				time.Sleep(time.Second)
				trip.Settle(task, everyone(task, Delivered, nil))
			}
		}
		b := run(t, deliver, func(b *bench, o *Options) {
			o.Hand = w
			for mid := uint64(1); mid <= 6; mid++ {
				m := letter(mid, "a@x.example", "b@two.example")
				if mid%2 == 1 {
					m = letter(mid, "a@x.example", "b@one.example", "c@three.example")
				}
				b.spool.messages[mid] = m
			}
		})
		pause(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if together != 1 {
			t.Errorf("%d suspects at once", together)
		}
		for mid, want := range map[uint64]int{1: 2, 2: 1, 3: 2, 4: 1, 5: 0, 6: 1} {
			if tried[mid] != want {
				t.Errorf("MID %d was tried %d times, not %d", mid, tried[mid], want)
			}
		}
		if len(w.inHand) != 0 {
			t.Errorf("still in hand: %v", w.inHand)
		}
		info, err := b.Message(t.Context(), 5)
		if err != nil || info.Recipients[0].Phase != Parked {
			t.Errorf("the parked one: %+v, %v", info, err)
		}
		if done, err := b.Delete(t.Context(), Filter{MID: 5}, nil); done.Recipients != 2 || err != nil {
			t.Errorf("removing the parked one: %+v, %v", done, err)
		}
		if _, err := b.spool.Message(5); err != spool.ErrNotFound {
			t.Errorf("after that: %v", err)
		}
	})
}
