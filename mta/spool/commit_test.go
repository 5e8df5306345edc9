package spool

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// syncs counts the syncs of the log since a step, and how many records came with the writes.
func (d *disk) syncs(since int) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, st := range d.steps[since:] {
		if st.kind == stepSync && strings.HasSuffix(st.file.path, segmentSuffix) {
			n++
		}
	}
	return n
}

// TestALonelySessionDoesNotWait: a commit with nobody beside it is a batch of one, written at once: time stands still
// meanwhile. After company has gone, one commit at most waits for it.
func TestALonelySessionDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d})
		for round := range 2 {
			for range 20 {
				began, since := time.Now(), d.taken()
				mid := s.NextMID()
				mustPut(t, s, mid, "alone", 1)
				if took := time.Since(began); took != 0 {
					t.Errorf("in round %d a lonely commit waits %v", round, took)
				}
				if n := d.syncs(since); n != 1 {
					t.Errorf("in round %d a lonely commit takes %d syncs", round, n)
				}
				mustUpdate(t, s, mid, Update{State: State{Done: true}}) // goes with the next, without a sync of its own
			}
			d.paces(func() time.Duration { return time.Millisecond })
			company(t, s, 50, 10)
			d.paces(nil)
			began := time.Now()
			mustPut(t, s, s.NextMID(), "the first alone again", 1)
			if took := time.Since(began); took > maxGather {
				t.Errorf("the first commit after the others have gone waits %v", took)
			}
		}
	})
}

// company commits from n goroutines, each messages.
func company(t testing.TB, s *Spool, n, each int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for range each {
				mid := s.NextMID()
				if err := put(s, mid, "in company", 1); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Update(mid, Update{State: State{Done: true}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCompanySharesSyncs: many sessions' messages go with one sync, however slow that is.
func TestCompanySharesSyncs(t *testing.T) {
	for _, pace := range []time.Duration{100 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		for _, n := range []int{2, 8, 50, 400} {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(t.TempDir(), blank(), newLedger(0))
				d.paces(func() time.Duration { return pace })
				s := mustOpen(t, d.root, Options{Files: d})
				since, began := d.taken(), time.Now()
				const each = 20
				company(t, s, n, each)
				each1 := float64(d.syncs(since)) / float64(n*each)
				if want := 2 / float64(n); each1 > want && n > 2 || each1 > 1 {
					t.Errorf("%d sessions with syncs of %v take %.3f syncs a message, want %.3f", n, pace, each1, want)
				}
				if took, most := time.Since(began), each*(2*pace+2*maxGather); took > most {
					t.Errorf("%d sessions with syncs of %v take %v, want at most %v", n, pace, took, most)
				}
				d.paces(nil)
			})
		}
	}
}

// TestAStateIsWrittenInTime: without any message, and with a sync of its own only then.
func TestAStateIsWrittenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d})
		mustPut(t, s, 1, "x", 2)
		since := d.taken()
		for rid := range 2 {
			mustUpdate(t, s, 1, Update{RID: rid, State: State{Attempts: 1}})
		}
		if n := d.syncs(since); n != 0 {
			t.Errorf("%d syncs for a state that can wait", n)
		}
		time.Sleep(SyncInterval + time.Microsecond)
		if n := d.syncs(since); n != 1 {
			t.Errorf("%d syncs after %v", n, SyncInterval)
		}
		s = again(t, s, d)
		if list := messages(t, s); len(list) != 1 || list[0].States[1].Attempts != 1 {
			t.Errorf("messages %v", list)
		}
	})
}

// counting is the operating system's FileSystem, and counts what it syncs.
type counting struct {
	osFiles
	syncs atomic.Int64
}

type countingFile struct {
	File
	c *counting
}

func (f countingFile) Datasync() error {
	f.c.syncs.Add(1)
	return f.File.Datasync()
}

func (c *counting) Create(path string) (File, error) {
	f, err := c.osFiles.Create(path)
	return countingFile{f, c}, err
}

// BenchmarkCommit stores and finishes messages of 4 KiB in so many sessions at once.
func BenchmarkCommit(b *testing.B) {
	body := strings.Repeat("a line of some length for the benchmark\r\n", 100)
	for _, n := range []int{1, 8, 50, 400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := &counting{}
			s := mustOpen(b, b.TempDir(), Options{Files: c})
			messages(b, s)
			c.syncs.Store(0)
			var left atomic.Int64
			left.Store(int64(b.N))
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for i := left.Add(-1); i >= 0; i = left.Add(-1) {
						if err := benchmarked(s, body, &took[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(c.syncs.Load())/float64(b.N), "syncs/op")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// benchmarked is one message's life; the time is that of its commit.
func benchmarked(s *Spool, body string, took *time.Duration) error {
	mid := s.NextMID()
	w, err := s.Create(mid)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	began := time.Now()
	if err := w.Commit(envelope(1)); err != nil {
		return err
	}
	*took = time.Since(began)
	_, err = s.Update(mid, Update{State: State{Done: true}})
	return err
}
