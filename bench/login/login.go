// Package login measures the shell in paired runs: the mail rate with and without a crowd of operators, how long ssh HOST version
// takes beside OpenSSH's own sshd running true, and the same over a connection that is open already. It drives binaries.
package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"posthouse/bench/rig"
	"posthouse/internal/operators"
)

// Options say what is measured and how often.
type Options struct {
	Posthouse, SSHD string // the binaries
	Dir             string // a folder for everything
	Rounds          int    // pairs of mail runs
	Sessions        int    // of the crowd
	Pace            time.Duration
	Calm            bool          // nobody of the crowd follows or searches mail_logs
	For             time.Duration // a mail run
	Logins          int           // pairs of ssh commands; of each kind
	Progress        io.Writer
}

// bench is one run of the benchmark.
type bench struct {
	Options
	posthouse *rig.Appliance
	peer      *sshd
	key       string // the file of the private key
}

// Run measures and prints.
func Run(ctx context.Context, o Options) error {
	b := &bench{Options: o}
	defer b.end()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	return errors.Join(b.mail(ctx), b.logins(ctx), b.open(ctx))
}

func (b *bench) prepare(ctx context.Context) (err error) {
	if b.key, err = makeKey(ctx, filepath.Join(b.Dir, "id")); err != nil {
		return err
	}
	if b.posthouse, err = startPosthouse(ctx, b.Posthouse, filepath.Join(b.Dir, "data"), b.key); err != nil {
		return err
	}
	b.peer, err = startSSHD(ctx, b.SSHD, b.Dir, b.key)
	return err
}

func (b *bench) end() {
	if b.posthouse != nil {
		b.posthouse.End(syscall.SIGTERM)
	}
	if b.peer != nil {
		b.peer.end()
	}
}

// mail compares the rates at which mail is accepted, with and without the crowd; the order turns with each round.
func (b *bench) mail(ctx context.Context) error {
	if _, err := b.rate(ctx); err != nil { // warm-up
		return err
	}
	var pairs []pair
	for round := range b.Rounds {
		var p pair
		for turn := range 2 {
			crowded := (round+turn)%2 == 1
			r, err := b.rateWith(ctx, crowded)
			if err != nil {
				return err
			}
			if crowded {
				p.with = r
			} else {
				p.without = r
			}
		}
		pairs = append(pairs, p)
		fmt.Fprintf(b.Progress, "round %d: without sessions %s; with %d %s; ratios %.2f, %.2f, %.2f\n", round+1, p.without, b.Sessions, p.with,
			p.rates(), p.processors(), p.appliance())
	}
	b.ratio("of the rates", pairs, pair.rates)
	b.ratio("by processor time", pairs, pair.processors)
	b.ratio("by processor time without the crowd's client", pairs, pair.appliance)
	return nil
}

func (b *bench) ratio(what string, pairs []pair, of func(pair) float64) {
	if len(pairs) == 0 {
		return
	}
	var list []float64
	for _, p := range pairs {
		list = append(list, of(p))
	}
	fmt.Fprintf(b.Progress, "mail beside %d sessions, ratio %s: median %.2f (%.2f to %.2f)\n", b.Sessions, what, median(list), slices.Min(list), slices.Max(list))
}

// String is a run in one line.
func (r run) String() string {
	return fmt.Sprintf("%.0f msg/s, %.0f us a message ours, %.0f us the harness's", r.rate, 1e6*r.ours, 1e6*r.harness)
}

func (b *bench) rateWith(ctx context.Context, crowded bool) (run, error) {
	if !crowded {
		return b.rate(ctx)
	}
	raw, err := os.ReadFile(b.key)
	if err != nil {
		return run{}, err
	}
	key, err := ssh.ParsePrivateKey(raw)
	if err != nil {
		return run{}, err
	}
	crowd := operators.NewCrowd(b.posthouse.Shell, &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}, b.Sessions)
	crowd.Pace, crowd.Calm = b.Pace, b.Calm
	sitting, leave := context.WithCancel(ctx)
	gone := make(chan error, 1)
	go func() { gone <- crowd.Run(sitting) }()
	select {
	case <-crowd.Full():
	case err := <-gone:
		leave()
		return run{}, cmp.Or(err, ctx.Err())
	}
	rate, err := b.rate(ctx)
	leave()
	return rate, errors.Join(err, <-gone)
}

// rate is how many messages a second are accepted, and at what cost.
func (b *bench) rate(ctx context.Context) (run, error) {
	l := rig.Load{Addr: b.posthouse.Listener, N: 1 << 20, MaxTime: b.For, Size: 4096, Sessions: 20, PerSession: 100, Rcpts: 1, Domain: "bench.test"}
	before, err := b.spent()
	if err != nil {
		return run{}, err
	}
	r := l.Run(ctx, rig.NewTracker(l.N, l.Rcpts))
	after, err := b.spent()
	if err != nil {
		return run{}, err
	}
	if r.Acked == 0 || r.ConnErr+r.PermFail+r.TempFail > 0 {
		return run{}, fmt.Errorf("the load failed: %d accepted, first fault: %s", r.Acked, r.FirstErr)
	}
	n := float64(r.Acked)
	return run{n / r.End.Sub(r.Start).Seconds(), (after.ours - before.ours).Seconds() / n, (after.harness - before.harness).Seconds() / n}, nil
}

// logins compares whole runs of ssh: connect, log in, one command, leave.
func (b *bench) logins(ctx context.Context) error {
	ours := func() error { return b.ssh(ctx, b.posthouse.Shell, "admin", nil, "version") }
	theirs := func() error { return b.ssh(ctx, b.peer.address, b.peer.user, nil, "true") }
	return b.compare("ssh HOST version", "sshd, true", ours, theirs)
}

// open compares commands over a connection that is open already.
func (b *bench) open(ctx context.Context) error {
	master := func(address, user, path string) (func(), error) { return b.master(ctx, address, user, path) }
	oursAt, theirsAt := filepath.Join(b.Dir, "ours.ctl"), filepath.Join(b.Dir, "theirs.ctl")
	closeOurs, err := master(b.posthouse.Shell, "admin", oursAt)
	if err != nil {
		return err
	}
	defer closeOurs()
	closeTheirs, err := master(b.peer.address, b.peer.user, theirsAt)
	if err != nil {
		return err
	}
	defer closeTheirs()
	ours := func() error { return b.ssh(ctx, b.posthouse.Shell, "admin", []string{"-S", oursAt}, "status") }
	theirs := func() error { return b.ssh(ctx, b.peer.address, b.peer.user, []string{"-S", theirsAt}, "true") }
	return b.compare("status on an open connection", "sshd, true", ours, theirs)
}

// compare times two commands by turns.
func (b *bench) compare(what, other string, ours, theirs func() error) error {
	if b.Logins == 0 {
		return nil
	}
	var took [2][]float64
	for n := range b.Logins + 1 {
		for turn := range 2 {
			which := (n + turn) % 2
			began := time.Now()
			if err := []func() error{ours, theirs}[which](); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if n > 0 { // the first pair warms up
				took[which] = append(took[which], float64(time.Since(began).Microseconds())/1000)
			}
		}
	}
	fmt.Fprintf(b.Progress, "%s: median %.1f ms; %s: %.1f ms; ratio %.2f\n", what, median(took[0]), other, median(took[1]), median(took[0])/median(took[1]))
	return nil
}

// median is the middle of the values, of which there must be one.
func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
