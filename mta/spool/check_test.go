package spool

import (
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestCheckOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	mustOpen(t, dir, Options{}).Close()
	if err := Check(dir); err != nil {
		t.Error(err)
	}
}

// TestCheckBesideABusySpool: what comes, goes and moves while Check looks is no damage.
func TestCheckBesideABusySpool(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{SegmentSize: 8 << 10, inline: 1000, indexEvery: time.Millisecond})
	messages(t, s)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 150 {
				if err := busy(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	for n := 0; ; n++ {
		if err := Check(dir); err != nil {
			t.Fatalf("check %d: %v", n, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
