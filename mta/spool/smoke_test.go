package spool

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s.Messages(nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 200 {
				mid := s.NextMID()
				w, err := s.Create(mid)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(w, strings.Repeat("x", int(mid%300)*10))
				if mid%97 == 0 {
					io.WriteString(w, strings.Repeat("x", 500000))
				}
				if err := w.Commit(Envelope{Sender: "a@b.c", Received: time.Now(), Recipients: []Recipient{{0, "x@y.z", "", ""}}}); err != nil {
					t.Error(err)
					return
				}
				if mid%10 != 0 {
					if fin, err := s.Update(mid, Update{0, State{Done: true}}); err != nil || !fin {
						t.Error(fin, err)
					}
				} else if mid%20 == 0 {
					if fin, err := s.Update(mid, Update{0, State{Attempts: 1, LastError: "foo"}}); err != nil || fin {
						t.Error(fin, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s, err = Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.Messages(func(m Message) error {
		n++
		if m.MID%20 == 0 && m.States[0].Attempts != 1 {
			t.Error(m)
		}
		return nil
	})
	fmt.Println(n, err, len(s.segments))
	u, _ := s.Usage()
	fmt.Println(u)
	s.Close()
}

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 8, 50, 400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _ := Open(b.TempDir(), Options{})
			s.Messages(nil)
			body := strings.Repeat("x", 4200)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						mid := s.NextMID()
						w, _ := s.Create(mid)
						io.WriteString(w, body)
						if err := w.Commit(Envelope{Sender: "a@b.c", Received: time.Now(), Recipients: []Recipient{{0, "x@y.z", "", ""}}}); err != nil {
							b.Error(err)
						}
						s.Update(mid, Update{0, State{Done: true}})
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			s.Close()
		})
	}
}
