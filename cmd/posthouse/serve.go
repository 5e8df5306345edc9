package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"posthouse/config"
	"posthouse/internal/safefile"
	"posthouse/mta/alert"
)

func serve(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	data, keyFile := dataFlag(flags), masterKeyFlag(flags)
	if err := parse(flags, args, std); err != nil {
		return err
	}
	key, err := findMasterKey(*keyFile)
	if err != nil {
		return err
	}
	if !config.IsSetUp(*data) {
		usual := defaultChoices()
		usual.key = key
		if err := setUp(*data, usual, std.out); err != nil {
			return err
		}
	}
	unlock, err := lock(*data)
	if err != nil {
		return err
	}
	defer unlock()
	house, err := open(*data, key)
	if err != nil {
		return err
	}
	err = errors.Join(house.run(house.until(ctx), std), house.close())
	return house.leaving.outcome(err, std.err)
}

// lock takes the data folder for this process, so that no second one delivers the same mail.
func lock(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, "run", "lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another posthouse", dir)
	}
	return func() { f.Close() }, nil
}

// run serves mail and operators until ctx ends. Operators come in once mail is served, and leave when it stops: the
// engine ends in its own order while the shell's sessions end.
func (h *house) run(ctx context.Context, std streams) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.engine.Run(ctx) })
	group.Go(func() error { return paceCollector(ctx) })
	group.Go(func() error { return h.attend(ctx, std) })
	err := group.Wait()
	os.Remove(h.bound.path)
	h.system.GoingDown()
	return err
}

// attend opens the shell when the engine is ready, and tells where everything is.
func (h *house) attend(ctx context.Context, std streams) error {
	select {
	case <-h.engine.Ready():
	case <-ctx.Done():
		return nil
	}
	h.logs.SetStatus(h.engine.StatusLine)
	if err := h.shell.Start(ctx); err != nil {
		return err
	}
	console, err := h.listenConsole()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.shell.Run(ctx) })
	group.Go(func() error { return h.store.Run(ctx, h.reverted) })
	group.Go(func() error { return h.store.RunPlanned(ctx, h.carriedOut) })
	group.Go(func() error { return h.metrics.Run(ctx) })
	if console != nil {
		group.Go(func() error { return h.shell.ServeUnix(ctx, console) })
	}
	h.system.ComingUp()
	for _, fault := range h.store.Faults() {
		h.system.Problem(fault.Error())
		fmt.Fprintln(std.err, fault)
	}
	told := h.bound.publish()
	h.announce(std)
	return errors.Join(told, group.Wait())
}

// reverted writes what the configuration's timer has done into system_logs.
func (h *house) reverted(r config.Reversal) {
	if r.Err != nil {
		h.system.Problem(r.String())
		return
	}
	h.lines("system_logs")(r.String())
}

// carriedOut writes what became of a planned commit into system_logs; what failed is an alert too, since nobody sits there.
func (h *house) carriedOut(o config.Outcome) {
	switch {
	case o.Err == nil:
		h.lines("system_logs")(o.String())
		h.system.Committed(o.Author.User, o.Comment)
	case errors.Is(o.Err, config.ErrNothing):
		h.lines("system_logs")(o.String())
	default:
		h.system.Problem(o.String())
		h.engine.Alerts().Raise(alert.Problem(alert.Critical, fmt.Sprintf("planned/%d", o.Number),
			fmt.Sprintf("Planned commit %d of %s is not carried out", o.Number, o.Author.User), o.String()))
	}
}

// announce tells the person who started it where to go.
func (h *house) announce(std streams) {
	fmt.Fprintf(std.out, "Posthouse %s is running.\n", version)
	for _, at := range h.shell.Addresses() {
		host, port, _ := net.SplitHostPort(at)
		fmt.Fprintf(std.out, "  shell         ssh -p %s admin@%s\n", port, host)
	}
	listeners := h.engine.Addresses()
	for _, name := range slices.Sorted(maps.Keys(listeners)) {
		for _, at := range listeners[name] {
			fmt.Fprintf(std.out, "  %-13s %s\n", name, at)
		}
	}
}

// boundAddresses keeps run/addresses.json true: it is the last Applier, and writes down what the others have bound.
type boundAddresses struct {
	path  string
	house *house
	mu    sync.Mutex // one writer at a time
}

// Prepare is config.Applier's; there is nothing to prepare.
func (b *boundAddresses) Prepare(context.Context, *config.Config, *config.Config) (config.Prepared, error) {
	return b, nil
}

// Commit is config.Prepared's.
func (b *boundAddresses) Commit() {
	if err := b.publish(); err != nil {
		b.house.system.Problem(err.Error())
	}
}

// Abort is config.Prepared's.
func (b *boundAddresses) Abort() {}

func (b *boundAddresses) publish() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := json.Marshal(struct {
		SSH       []string            `json:"ssh"`
		Listeners map[string][]string `json:"listeners"`
		Metrics   netip.AddrPort      `json:"metrics,omitzero"`
	}{b.house.shell.Addresses(), b.house.engine.Addresses(), b.house.metrics.Address()})
	if err != nil {
		return err
	}
	return safefile.Write(b.path, append(data, '\n'), 0o600)
}
