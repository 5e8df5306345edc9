package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"posthouse/bench/rig"
)

// trial is one run of one workload with one server.
type trial struct {
	*campaign
	work   workload
	mta    *mta // nil: the generator speaks to the sink itself
	sink   *rig.Sink
	auth   string // of AUTH PLAIN, where the adapter asks for it
	result Result
}

const (
	warmUp        = 500 // messages before anything counts
	straced       = 2000
	stall         = 4 * time.Second        // a drain that stands still for this long is helped by a flush
	afterwards    = 700 * time.Millisecond // for queue files to go and late duplicates to come
	afterBacklog  = 2 * time.Second
	afterRestart  = 3 * time.Second
	pollDelivered = 2 * time.Millisecond
)

// trial makes one run. Whatever goes wrong is in the result.
func (c *campaign) trial(ctx context.Context, w workload, name string, round int) Result {
	t := &trial{campaign: c, work: w, sink: &rig.Sink{Addr: loopback + ":" + sinkPort},
		result: Result{Workload: w.name, MTA: name, Round: round, Time: time.Now().UTC().Format(time.RFC3339)}}
	var err error
	if name == direct {
		err = t.alone(ctx)
	} else {
		t.mta = c.server(name, fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(w.name, "/", "-"), name, round))
		err = t.beside(ctx)
	}
	if err != nil {
		t.result.Error = err.Error()
	}
	return t.result
}

// alone measures the generator against the sink, in the workload's shape.
func (t *trial) alone(ctx context.Context) error {
	cert, err := rig.NewCertificate(false)
	if err != nil {
		return err
	}
	if t.work.load.StartTLS {
		t.sink.TLS = cert.Config()
	}
	if err := t.sink.Start(); err != nil {
		return err
	}
	defer t.sink.Stop()
	t.result.Version = "the generator against the sink"
	return t.plain(ctx)
}

// beside starts the server between the generator and the sink, and measures it.
func (t *trial) beside(ctx context.Context) (err error) {
	if err := os.MkdirAll(t.mta.dir, 0o755); err != nil {
		return err
	}
	if !t.keep {
		defer os.RemoveAll(t.mta.dir)
	}
	if err := t.furnish(ctx); err != nil {
		return err
	}
	if err := t.sink.Start(); err != nil {
		return err
	}
	defer t.sink.Stop()
	counts := ""
	if t.strace {
		counts = filepath.Join(t.mta.dir, "strace.out")
	}
	up, err := t.mta.start(ctx, counts)
	defer func() {
		err = errors.Join(err, t.mta.stop())
		if t.strace && err == nil {
			err = t.countSyncs(counts)
		}
	}()
	if err != nil {
		return err
	}
	t.result.StartSec = up.Seconds()
	idle, _ := t.mta.group.memory(false)
	t.result.IdleRSS = mib(idle)
	if err := t.warm(ctx); err != nil {
		return err
	}
	defer t.profile()()
	return t.work.measure(t, ctx)
}

// furnish makes certificates and has the adapter write its configuration.
func (t *trial) furnish(ctx context.Context) error {
	file := func(name string) string { return filepath.Join(t.mta.dir, name) }
	cert, err := rig.NewCertificate(false)
	if err != nil {
		return err
	}
	rsaCert, err := rig.NewCertificate(true)
	if err != nil {
		return err
	}
	if err := errors.Join(cert.Write(file("cert.pem"), file("key.pem")), rsaCert.Write(file("rsa-cert.pem"), file("rsa-key.pem"))); err != nil {
		return err
	}
	t.mta.env = append(t.mta.env, "B_CERT="+file("cert.pem"), "B_KEY="+file("key.pem"), "B_RSA_CERT="+file("rsa-cert.pem"),
		"B_RSA_KEY="+file("rsa-key.pem"), "B_WORKLOAD="+t.work.name)
	if t.work.tlsOut {
		t.mta.env = append(t.mta.env, "B_TLS_OUT=1")
		t.sink.TLS, t.sink.Require = cert.Config(), true
	} else {
		t.mta.env = append(t.mta.env, "B_TLS_OUT=0")
	}
	t.result.Version = t.mta.version(ctx)
	if err := t.mta.prepare(ctx); err != nil {
		return err
	}
	auth, err := os.ReadFile(file("auth"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	t.auth = strings.TrimSpace(string(auth))
	return nil
}

// load is the workload's, addressed to whom it measures.
func (t *trial) load() rig.Load {
	l := t.work.load
	l.Addr, l.MaxTime = t.sink.Addr, t.max
	if t.mta != nil {
		l.Addr, l.AuthPlain = t.mta.addr, t.auth
	}
	if t.strace {
		l.N, l.MaxTime = min(l.N, straced), time.Minute
	}
	return l
}

// warm sends messages that do not count, in the workload's way, and waits until they are through.
func (t *trial) warm(ctx context.Context) error {
	if t.strace {
		return nil // everything would be counted
	}
	l := t.load()
	l.N, l.Sessions, l.Rcpts, l.MaxTime, l.Size = warmUp, 50, 1, 5*time.Second, min(l.Size, 4*kib)
	tracker := rig.NewTracker(l.N, 1)
	t.sink.Track(tracker)
	r := l.Run(ctx, tracker)
	if r.Acked == 0 {
		return fmt.Errorf("warm-up: nothing was accepted: %s", r.FirstErr)
	}
	if !until(30*time.Second, 10*time.Millisecond, func() bool { return tracker.Pairs.Load() >= r.Acked }) {
		return fmt.Errorf("warm-up: the sink got %d of %d", tracker.Pairs.Load(), r.Acked)
	}
	time.Sleep(300 * time.Millisecond)
	return ctx.Err()
}

// countSyncs reads what strace left when the server ended.
func (t *trial) countSyncs(file string) error {
	counts, err := readStrace(file)
	if err != nil {
		return err
	}
	var sum int64
	for _, n := range counts {
		sum += n
	}
	t.result.Fsyncs = counts
	t.result.FsyncPerMsg = float64(sum) / float64(max(1, t.result.Accepted))
	return nil
}
