package main

import (
	"context"
	"fmt"
	"time"

	"posthouse/bench/rig"
)

// deadDomain is routed to a port where nothing listens.
const deadDomain = "dead.bench.test"

// deadBeside is W8: the rate to a live destination, then many messages for a dead one, then the same rate again, all in one life
// of the server. The first load of that life does not count: the caches that it fills would favour what comes later.
func (t *trial) deadBeside(ctx context.Context) error {
	if err := t.live(ctx); err != nil {
		return err
	}
	if err := t.live(ctx); err != nil {
		return err
	}
	alone := t.result
	dead, err := t.queueDead(ctx)
	if err != nil {
		return err
	}
	if err := t.live(ctx); err != nil {
		return err
	}
	r := &t.result
	r.Dead, r.AloneAccept, r.AloneRelay, r.AloneP99ms = dead, alone.AcceptRate, alone.RelayRate, alone.DataP99ms
	return nil
}

// live measures the load to the live destination, in the place of what was measured before. Nothing is flushed meanwhile: that
// would be for the dead messages too.
func (t *trial) live(ctx context.Context) error {
	r := &t.result
	*r = Result{Workload: r.Workload, MTA: r.MTA, Version: r.Version, Round: r.Round, Time: r.Time, StartSec: r.StartSec, IdleRSS: r.IdleRSS}
	return t.through(ctx, false)
}

// queueDead queues the dead messages and waits until the server has tried what it wants to try of them at once.
func (t *trial) queueDead(ctx context.Context) (int64, error) {
	l := t.load()
	l.N, l.MaxTime, l.Domain = t.w8n, t.queueMax, deadDomain
	sent := l.Run(ctx, rig.NewTracker(l.N, l.Rcpts))
	if sent.Acked == 0 {
		return 0, fmt.Errorf("no message for the dead destination was accepted: %s", sent.FirstErr)
	}
	t.rest(ctx)
	return sent.Acked, nil
}

// rest waits until the server uses less than a twentieth of a processor, at most a minute.
func (t *trial) rest(ctx context.Context) {
	last := t.meter()
	until(time.Minute, 0, func() bool {
		time.Sleep(time.Second)
		now := t.meter()
		used := now.user + now.system - last.user - last.system
		last = now
		return used < 0.05 || ctx.Err() != nil
	})
}
