package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// direct is the name of no server: the generator speaks to the sink itself. What it reaches is the ceiling of the others.
const direct = "direct"

// campaign is one run command: every workload with every server, round by round.
type campaign struct {
	root, temp   string // the bench folder; a folder for the runs
	servers      []string
	workloads    []workload
	rounds       int
	max, drain   time.Duration
	w6n, w8n     int
	queueMax     time.Duration // for W6 and W8 to queue what they queue
	w6kill       bool
	strace, keep bool
	perf         string
	out          io.Writer
	results      io.Writer
	all          []Result
}

func run(ctx context.Context, args []string, out io.Writer) error {
	c := &campaign{out: out}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	servers := flags.String("mta", "", "adapters, comma-separated, and \"direct\" for the generator against the sink (default: all that are installed)")
	names := flags.String("w", "W1,W2,W3,W4,W5,W7", "workloads, comma-separated")
	base := flags.String("base", "postfix", "the server that the table of ratios compares the others with")
	flags.IntVar(&c.rounds, "rounds", 3, "rounds; each runs every server once a workload, in turned order")
	flags.DurationVar(&c.max, "max", 8*time.Second, "stop sending after this")
	flags.DurationVar(&c.drain, "drain", 90*time.Second, "wait at most this for the sink after the last 250")
	flags.IntVar(&c.w6n, "w6n", 100_000, "messages that W6 queues")
	flags.IntVar(&c.w8n, "w8n", 100_000, "messages that W8 queues for the dead destination")
	flags.DurationVar(&c.queueMax, "queuemax", 10*time.Minute, "W6, W8: stop queueing after this")
	flags.BoolVar(&c.w6kill, "w6kill", false, "W6: restart by kill -9 and not in order")
	flags.BoolVar(&c.strace, "strace", false, "count sync calls with strace (at most 2000 messages a workload; its timings say nothing)")
	flags.StringVar(&c.perf, "perf", "", "a folder for a CPU profile of the server by perf, one file a run")
	flags.BoolVar(&c.keep, "keep", false, "keep each run's folder: configuration, queue, logs")
	flags.StringVar(&c.root, "root", ".", "the bench folder")
	results := flags.String("o", "results/run.jsonl", "append results here, a JSON object a line; a relative name is within the bench folder")
	dir := flags.String("dir", "", "a folder on the disk to measure (default: that of temporary files)")
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := errors.Join(furnish(), c.open(*results, *dir)); err != nil {
		return err
	}
	if !c.keep {
		defer os.RemoveAll(c.temp)
	}
	var err error
	if c.workloads, err = choose(*names); err != nil {
		return err
	}
	if err := c.choose(ctx, *servers); err != nil {
		return err
	}
	if err := c.rotate(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s%s", tables(c.all), ratios(c.all, *base))
	return verdict(c.all)
}

// verdict is an error where a run failed, or mail was lost, damaged or delivered twice. What was late is no fault.
func verdict(all []Result) error {
	bad := 0
	for _, r := range all {
		if r.Error != "" || r.Lost+r.Corrupt+r.Dup > 0 {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d runs failed, or lost, damaged or doubled mail", bad, len(all))
	}
	return nil
}

// open makes the folder of the runs and the results file.
func (c *campaign) open(results, dir string) error {
	var err error
	if c.root, err = filepath.Abs(c.root); err != nil {
		return err
	}
	if c.temp, err = os.MkdirTemp(dir, "bench-"); err != nil {
		return err
	}
	if err := os.Chmod(c.temp, 0o755); err != nil { // some servers change their user
		return err
	}
	if !filepath.IsAbs(results) {
		results = filepath.Join(c.root, results)
	}
	if err := os.MkdirAll(filepath.Dir(results), 0o755); err != nil {
		return err
	}
	c.results, err = os.OpenFile(results, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return err
}

// choose sets the servers; one that was asked for by name must be there.
func (c *campaign) choose(ctx context.Context, names string) error {
	if names != "" {
		c.servers = strings.Split(names, ",")
		for _, name := range c.servers {
			if name != direct && c.server(name, "").version(ctx) == "" {
				return fmt.Errorf("%s is not installed, or there is no adapter of that name", name)
			}
		}
		return nil
	}
	files, err := filepath.Glob(filepath.Join(c.root, "adapters", "*.sh"))
	if err != nil {
		return err
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sh")
		if c.server(name, "").version(ctx) != "" {
			c.servers = append(c.servers, name)
		}
	}
	return nil
}

// server is the adapter of the name, with a folder for this run of it.
func (c *campaign) server(name, folder string) *mta {
	dir := filepath.Join(c.temp, folder)
	return &mta{name: name, script: filepath.Join(c.root, "adapters", name+".sh"), dir: dir, addr: loopback + ":" + mtaPort,
		env: []string{"B_DIR=" + dir, "B_ROOT=" + c.root, "B_IP=" + loopback, "B_PORT=" + mtaPort,
			"B_SINK_IP=" + loopback, "B_SINK_PORT=" + sinkPort, "B_DEAD_PORT=" + deadPort}}
}

// rotate runs everything. The order of the servers turns from round to round: A B C, B C A, C A B.
func (c *campaign) rotate(ctx context.Context) error {
	fmt.Fprintln(c.out, "servers:", strings.Join(c.servers, " "))
	for _, w := range c.workloads {
		for round := range c.rounds {
			for k := range c.servers {
				r := c.trial(ctx, w, c.servers[(k+round)%len(c.servers)], round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.all = append(c.all, r)
				if err := json.NewEncoder(c.results).Encode(r); err != nil {
					return err
				}
				fmt.Fprintln(c.out, r.line())
			}
		}
	}
	return nil
}
