package main

import (
	"context"
	"fmt"
	"time"

	"posthouse/bench/rig"
)

// backlog is W6: messages come in while the sink refuses connections; the server is restarted; the sink comes up. Nothing that was
// acknowledged before the restart may be missing after the drain.
func (t *trial) backlog(ctx context.Context) error {
	t.sink.Stop()
	l := t.load()
	l.N, l.MaxTime = t.w6n, t.queueMax
	tracker, before := t.begin(l), t.meter()
	sent := l.Run(ctx, tracker)
	t.result.loaded(sent)
	time.Sleep(afterBacklog)
	rss, pss := t.mta.group.memory(true)
	r := &t.result
	r.BacklogRSS, r.BacklogPSS = mib(rss), mib(pss)
	r.BytesPerMsg = t.perMessage(r.BacklogRSS)
	t.usedCPU(before)
	if err := t.restart(ctx); err != nil {
		return err
	}
	gaveUp, err := t.drainBacklog(ctx, tracker, sent.Acked)
	if err != nil {
		return err
	}
	t.used(before)
	time.Sleep(afterwards + afterBacklog)
	t.usedCPU(meter{}) // the restart gave it a new cgroup
	t.result.arrived(tracker, gaveUp)
	t.finish()
	return ctx.Err()
}

// perMessage is the bytes by message of what is resident above the idle process.
func (t *trial) perMessage(rss float64) float64 {
	return (rss - t.result.IdleRSS) * (1 << 20) / float64(max(1, t.result.Accepted))
}

// restart ends the server and starts it again. Its peaks go on.
func (t *trial) restart(ctx context.Context) error {
	end := t.mta.stop
	if t.w6kill {
		end = t.mta.kill
	}
	old := t.mta.group
	if err := end(); err != nil {
		return err
	}
	up, err := t.mta.start(ctx, "")
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	t.result.RestartSec = up.Seconds()
	raise(&t.mta.group.peakRSS, old.peakRSS.Load())
	raise(&t.mta.group.peakPSS, old.peakPSS.Load())
	raise(&t.mta.group.peakProcs, old.peakProcs.Load())
	time.Sleep(afterRestart)
	rss, _ := t.mta.group.memory(false)
	t.result.RestartRSS = mib(rss)
	t.result.RestartPer = t.perMessage(t.result.RestartRSS)
	return nil
}

// drainBacklog lets the sink come up and waits for all of it, twice as long as the queueing might have taken.
func (t *trial) drainBacklog(ctx context.Context, tracker *rig.Tracker, want int64) (gaveUp bool, err error) {
	if err := t.sink.Start(); err != nil {
		return false, err
	}
	from := time.Now()
	t.mta.flush(ctx)
	t.result.Flushes++
	gaveUp = !t.delivered(ctx, tracker, want, 2*t.queueMax+t.drain, true)
	if tracker.Pairs.Load() > 0 {
		t.result.FirstOutSec = tracker.First().Sub(from).Seconds()
		t.result.DrainSec = tracker.Last().Sub(from).Seconds()
		t.result.DrainRate = float64(tracker.Pairs.Load()) / t.result.DrainSec
	}
	return gaveUp, nil
}
