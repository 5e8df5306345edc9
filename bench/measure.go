package main

import (
	"context"
	"time"

	"posthouse/bench/rig"
)

// meter is the state of what is measured by difference.
type meter struct{ user, system, own, disk float64 }

func (t *trial) meter() (m meter) {
	if t.mta != nil && t.mta.group != nil {
		m.user, m.system = t.mta.group.cpu()
	}
	m.own, m.disk = ownCPU(), mib(diskWritten())
	return m
}

// begin makes everything count from now, for messages that the tracker knows.
func (t *trial) begin(l rig.Load) *rig.Tracker {
	tracker := rig.NewTracker(l.N, l.Rcpts)
	t.sink.Track(tracker)
	t.sink.Conns.Store(0)
	t.sink.TLSConns.Store(0)
	if t.mta != nil {
		t.mta.group.resetPeaks()
	}
	return tracker
}

// plain sends, and waits until the sink has everything.
func (t *trial) plain(ctx context.Context) error { return t.through(ctx, true) }

// through is one load from the first message to the last at the sink.
func (t *trial) through(ctx context.Context, flush bool) error {
	l := t.load()
	tracker, before := t.begin(l), t.meter()
	sent := l.Run(ctx, tracker)
	arrived := t.delivered(ctx, tracker, sent.Acked*int64(l.Rcpts), t.drain, flush)
	t.used(before)
	time.Sleep(afterwards)
	t.usedCPU(before)
	t.result.loaded(sent)
	t.result.relayed(tracker, sent.Start)
	t.result.arrived(tracker, !arrived)
	t.finish()
	return ctx.Err()
}

// relayed sets the rate up to the last arrival.
func (r *Result) relayed(t *rig.Tracker, from time.Time) {
	if t.Pairs.Load() == 0 {
		return
	}
	r.RelaySec = t.Last().Sub(from).Seconds()
	r.RelayRate = float64(t.Pairs.Load()) / float64(t.Recipients()) / r.RelaySec
}

// delivered waits until the sink has the pairs, and tells whether it has: not within the limit, and not where nothing has come for
// the time of a drain. Where mail was deferred, flush makes it due.
func (t *trial) delivered(ctx context.Context, tracker *rig.Tracker, want int64, limit time.Duration, flush bool) bool {
	begun, had := time.Now(), tracker.Pairs.Load()
	moved, helped := begun, begun
	for tracker.Pairs.Load() < want {
		if time.Since(begun) > limit || time.Since(moved) > t.drain || ctx.Err() != nil {
			return false
		}
		time.Sleep(pollDelivered)
		if n := tracker.Pairs.Load(); n != had {
			moved, helped, had = time.Now(), time.Now(), n
		} else if flush && t.mta != nil && time.Since(helped) > stall {
			t.mta.flush(ctx)
			t.result.Flushes++
			helped = time.Now()
		}
	}
	return true
}

// used takes over what the machine spent until the sink had everything.
func (t *trial) used(before meter) {
	now := t.meter()
	t.result.HarnessCPU += now.own - before.own
	t.result.DiskMiB += now.disk - before.disk
}

// usedCPU takes over what the server spent, also on what follows the last delivery.
func (t *trial) usedCPU(before meter) {
	now := t.meter()
	t.result.CPUUser += now.user - before.user
	t.result.CPUSys += now.system - before.system
}

// finish sets what follows from the rest.
func (t *trial) finish() {
	r := &t.result
	if r.Accepted > 0 {
		r.CPUPerK = (r.CPUUser + r.CPUSys) * 1000 / float64(r.Accepted)
	}
	r.SinkConns, r.SinkTLS = t.sink.Conns.Load(), t.sink.TLSConns.Load()
	if t.mta != nil {
		t.mta.group.memory(true)
		r.PeakRSSMiB, r.PeakPSSMiB, r.PeakProcs = mib(t.mta.group.peakRSS.Load()), mib(t.mta.group.peakPSS.Load()), t.mta.group.peakProcs.Load()
	}
}
