package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"posthouse/bench/crash"
	"posthouse/bench/rig"
)

// sink runs the sink alone and prints its counters every second.
func sink(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	s := &rig.Sink{}
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:12626", "where to listen")
	starttls := flags.Bool("starttls", false, "offer STARTTLS")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *starttls {
		c, err := rig.NewCertificate(false)
		if err != nil {
			return err
		}
		s.TLS = c.Config()
	}
	if err := s.Start(); err != nil {
		return err
	}
	defer s.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(out, "connections %d, with TLS %d, messages %d, bytes %d\n", s.Conns.Load(), s.TLSConns.Load(), s.Stale.Load(), s.Bytes.Load())
		case <-ctx.Done():
			return nil
		}
	}
}

// load runs the generator alone.
func load(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	l := &rig.Load{}
	flags.StringVar(&l.Addr, "addr", "127.0.0.1:2525", "the server")
	flags.IntVar(&l.N, "n", 1000, "messages")
	flags.IntVar(&l.Size, "size", 4096, "bytes of a body")
	flags.IntVar(&l.Sessions, "sessions", 50, "sessions at once")
	flags.IntVar(&l.PerSession, "per", 100, "messages a connection, 0 for no limit")
	flags.IntVar(&l.Rcpts, "rcpts", 1, "recipients a message")
	flags.IntVar(&l.Domains, "domains", 1, "domains of the recipients: d0.bench.test, d1.bench.test, ...")
	flags.StringVar(&l.Domain, "domain", "", "one domain of all recipients instead")
	flags.BoolVar(&l.StartTLS, "starttls", false, "use STARTTLS")
	flags.BoolVar(&l.Pipeline, "pipeline", false, "send MAIL, RCPT and DATA in one write")
	flags.DurationVar(&l.MaxTime, "max", 0, "stop sending after this")
	if err := parse(flags, args); err != nil {
		return err
	}
	r := l.Run(ctx, rig.NewTracker(l.N, l.Rcpts))
	took := r.End.Sub(r.Start).Seconds()
	fmt.Fprintf(out, "acknowledged %d in %.2f s: %.0f/s; final dot to answer p50 %v p99 %v; 4xx %d 5xx %d connection errors %d unknown %d %s\n",
		r.Acked, took, float64(r.Acked)/took, percentile(r.Data, 50), percentile(r.Data, 99), r.TempFail, r.PermFail, r.ConnErr, r.Unknown, r.FirstErr)
	return nil
}

// kill is the test of package crash. Where something is wrong, what the appliance left stays for who looks for the reason.
func kill(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	o := crash.Options{Progress: out}
	flags.StringVar(&o.Binary, "posthouse", "./posthouse", "the binary")
	dir := flags.String("dir", "", "a folder on the disk to test, for a new folder in it (default: that of temporary files)")
	flags.IntVar(&o.Rounds, "rounds", 200, "kills")
	flags.DurationVar(&o.Within, "within", time.Second, "a kill comes at a random moment of this much time under load")
	flags.IntVar(&o.Sessions, "sessions", 50, "sessions at once")
	flags.IntVar(&o.Size, "size", 4096, "bytes of a body")
	flags.DurationVar(&o.Interval, "interval", 100*time.Millisecond, "the sync interval: completions this old may come again")
	flags.Int64Var(&o.Backlog, "backlog", 2000, "let deliveries catch up to this many messages before the next load begins")
	flags.DurationVar(&o.Drain, "drain", 90*time.Second, "in the end, how long nothing may come while something is missing")
	flags.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "of the random moments")
	if err := parse(flags, args); err != nil {
		return err
	}
	var err error
	if o.Binary, err = exec.LookPath(o.Binary); err != nil {
		return err
	}
	if o.Binary, err = filepath.Abs(o.Binary); err != nil {
		return err
	}
	if o.Dir, err = os.MkdirTemp(*dir, "bench-kill-"); err != nil {
		return err
	}
	fmt.Fprintf(out, "seed %d\n", o.Seed)
	r, err := crash.Run(ctx, o)
	if err == nil {
		r.Write(out)
		err = r.Fault()
	}
	if err != nil {
		return fmt.Errorf("%w\nleft for inspection: %s", err, o.Dir)
	}
	return os.RemoveAll(o.Dir)
}
