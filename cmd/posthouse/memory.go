package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector runs when the heap has grown by a part of what was alive the last time. A heap of a few megabytes, as
// it is with little mail queued, would have it run a hundred times a second under load; a heap with a million messages would
// grow to double. Both are avoided by aiming at a growth in bytes.
const (
	heapRoom    = 48 << 20
	leastGrowth = 20  // per cent
	mostGrowth  = 800 // per cent
	paceEvery   = 500 * time.Millisecond
)

// growth is the collector's setting for so many bytes alive.
func growth(live uint64) int {
	return int(min(max(heapRoom*100/max(live, 1), leastGrowth), mostGrowth))
}

// paceCollector keeps the collector's setting in step with the heap until ctx ends.
func paceCollector(ctx context.Context) error {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	for {
		metrics.Read(sample)
		if g := growth(sample[0].Value.Uint64()); g < set*9/10 || g > set*11/10 {
			debug.SetGCPercent(g)
			set = g
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
