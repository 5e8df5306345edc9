package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"posthouse/bench/rig"
)

// probe is one figure of the machine itself.
type probe struct {
	what, unit string
	rate       func(f *floorPlan) (float64, error)
}

// floorPlan is what the probes share.
type floorPlan struct {
	ctx  context.Context
	dir  string // on the disk to measure
	time time.Duration
}

// floorRow is a probe's rates, a line of the results.
type floorRow struct {
	Name, Unit string
	Rates      []float64
}

func floor(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	results := flags.String("o", "", "write the figures here as JSON")
	rounds := flags.Int("rounds", 3, "rounds")
	f := &floorPlan{ctx: ctx}
	flags.DurationVar(&f.time, "d", 2*time.Second, "time a figure")
	dir := flags.String("dir", "", "a folder on the disk to measure (default: that of temporary files)")
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := furnish(); err != nil {
		return err
	}
	var err error
	if f.dir, err = os.MkdirTemp(*dir, "bench-floor-"); err != nil {
		return err
	}
	defer os.RemoveAll(f.dir)
	rows, err := f.measure(probes(), *rounds)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "| what | median (min-max) | unit |\n|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(out, "| %s | %s | %s |\n", r.Name, span(r.Rates), r.Unit)
	}
	if *results == "" {
		return nil
	}
	text, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(*results, append(text, '\n'), 0o644)
}

// measure asks every probe once a round.
func (f *floorPlan) measure(list []probe, rounds int) ([]floorRow, error) {
	rows := make([]floorRow, len(list))
	for range rounds {
		for i, p := range list {
			if err := f.ctx.Err(); err != nil {
				return nil, err
			}
			rate, err := p.rate(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.what, err)
			}
			rows[i].Name, rows[i].Unit, rows[i].Rates = p.what, p.unit, append(rows[i].Rates, rate)
		}
	}
	return rows, nil
}

func probes() []probe {
	list := []probe{
		{"fsync, one file, append 4 KiB, 1 goroutine", "fsync/s", files(1, appendFile)},
		{"fsync, own file each, append 4 KiB, 50 goroutines", "fsync/s", files(50, appendFile)},
		{"create file + 4 KiB + fsync + unlink, 1 goroutine", "files/s", files(1, createFile)},
		{"create file + 4 KiB + fsync + unlink, 50 goroutines", "files/s", files(50, createFile)},
		{"create + 4 KiB + fsync + rename + fsync dir + unlink, 50 goroutines", "files/s", files(50, renameFile)},
	}
	for _, n := range []int{1, 8, 50, 256} {
		list = append(list, probe{fmt.Sprintf("log: append %d x 4 KiB + fdatasync (growing file)", n), "records/s", growingLog(n)})
	}
	for _, n := range []int{1, 50} {
		list = append(list, probe{fmt.Sprintf("log: write %d x 4 KiB + fdatasync (preallocated, written before)", n), "records/s", writtenLog(n)})
	}
	return append(list,
		probe{"group commit: 50 goroutines, one log, 4 KiB, fdatasync a batch", "records/s", groupCommit(50)},
		probe{"TLS 1.3 full handshakes, ECDSA P-256, client and server here", "handshakes/s", handshakes(false)},
		probe{"TLS 1.3 full handshakes, RSA-2048, client and server here", "handshakes/s", handshakes(true)},
		probe{"generator to sink, W1 shape", "messages/s", toSink("W1")},
		probe{"generator to sink, W2 shape", "messages/s", toSink("W2")},
		probe{"generator to sink, W3 shape", "messages/s", toSink("W3")},
		probe{"generator to sink, W5 shape", "messages/s", toSink("W5")})
}

// toSink measures the generator against the sink, in the shape of a workload.
func toSink(name string) func(*floorPlan) (float64, error) {
	return func(f *floorPlan) (float64, error) {
		s := &rig.Sink{Addr: loopback + ":" + floorPort}
		l := shape(name)
		if l.StartTLS {
			c, err := rig.NewCertificate(false)
			if err != nil {
				return 0, err
			}
			s.TLS = c.Config()
		}
		if err := s.Start(); err != nil {
			return 0, err
		}
		defer s.Stop()
		l.Addr, l.N, l.MaxTime = s.Addr, 2_000_000, f.time
		t := rig.NewTracker(l.N, 1)
		s.Track(t)
		r := l.Run(f.ctx, t)
		if lost, ghost := t.Check(); lost+ghost+t.Dups.Load()+t.Corrupt.Load() != 0 {
			return 0, fmt.Errorf("the sink is wrong: lost %d, ghosts %d, twice %d, damaged %d", lost, ghost, t.Dups.Load(), t.Corrupt.Load())
		}
		return float64(r.Acked) / r.End.Sub(r.Start).Seconds(), nil
	}
}
