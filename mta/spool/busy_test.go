package spool

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestManyAtOnce store, update, read and finish, over segments that are rewritten and dropped meanwhile.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentSize: 16 << 10, inline: 2000, indexEvery: time.Millisecond}
	s := mustOpen(t, dir, o)
	messages(t, s)
	const workers, each = 16, 40
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := busy(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	checkCounts(t, s)
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	s.Close()
	s = mustOpen(t, dir, o)
	list := messages(t, s)
	for _, m := range list {
		if m.MID%10 != 0 || m.States[0].Done || !m.States[1].Done || bodyOf(t, s, m.MID) != bodyFor(m.MID) {
			t.Errorf("message %+v", m)
		}
	}
	if len(list) != workers*each/10 || len(s.Problems()) != 0 {
		t.Errorf("%d messages, problems %q", len(list), s.Problems())
	}
	checkCounts(t, s)
}

func bodyFor(mid uint64) string {
	return strings.Repeat(fmt.Sprint("content of ", mid, "\r\n"), int(mid%150))
}

// busy is a message's whole life, or half of it.
func busy(s *Spool) error {
	mid := s.NextMID()
	if err := put(s, mid, bodyFor(mid), 2); err != nil {
		return err
	}
	first := make(chan error)
	go func() {
		_, err := s.Update(mid, Update{RID: 0, State: State{Done: mid%10 != 0, Attempts: 1}})
		first <- err
	}()
	_, err := s.Update(mid, Update{RID: 1, State: State{Done: true}})
	if err := errors.Join(err, <-first); err != nil {
		return err
	}
	if mid%10 != 0 {
		return nil
	}
	r, err := s.Open(mid)
	if err != nil {
		return err
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != bodyFor(mid) {
		return fmt.Errorf("message %d has %d bytes, %w", mid, len(b), err)
	}
	return nil
}
