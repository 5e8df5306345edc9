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

	"posthouse/bench/login"
)

// shellRuns is package login's benchmark. Where something is wrong, what it left stays for who looks for the reason.
func shellRuns(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("shell", flag.ContinueOnError)
	o := login.Options{Progress: out}
	flags.StringVar(&o.Posthouse, "posthouse", "./posthouse", "the binary")
	flags.StringVar(&o.SSHD, "sshd", "/usr/sbin/sshd", "OpenSSH's server")
	flags.IntVar(&o.Rounds, "rounds", 7, "pairs of mail runs")
	flags.IntVar(&o.Sessions, "sessions", 500, "sessions of the crowd")
	flags.DurationVar(&o.Pace, "pace", 10*time.Second, "how long somebody thinks between two actions, on the average")
	flags.BoolVar(&o.Calm, "calm", true, "nobody of the crowd follows or searches mail_logs")
	flags.DurationVar(&o.For, "for", 10*time.Second, "how long a mail run lasts")
	flags.IntVar(&o.Logins, "logins", 50, "pairs of ssh commands, of each kind")
	if err := parse(flags, args); err != nil {
		return err
	}
	for _, binary := range []*string{&o.Posthouse, &o.SSHD} { // sshd runs itself again, and needs its whole path for that
		path, err := exec.LookPath(*binary)
		if err != nil {
			return err
		}
		if *binary, err = filepath.Abs(path); err != nil {
			return err
		}
	}
	var err error
	if o.Dir, err = os.MkdirTemp("", "bench-shell-"); err != nil {
		return err
	}
	if err := login.Run(ctx, o); err != nil {
		return fmt.Errorf("%w\nleft for inspection: %s", err, o.Dir)
	}
	return os.RemoveAll(o.Dir)
}
