package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"posthouse/config"
	"posthouse/internal/safefile"
)

func serve(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	data := dataFlag(flags)
	if err := parse(flags, args, std); err != nil {
		return err
	}
	if !config.IsSetUp(*data) {
		if err := setUp(*data, defaultChoices(), std.out); err != nil {
			return err
		}
	}
	unlock, err := lock(*data)
	if err != nil {
		return err
	}
	defer unlock()
	house, err := open(*data)
	if err != nil {
		return err
	}
	return errors.Join(house.run(ctx, std), house.close())
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

// run serves mail and operators until ctx ends. The engine and the shell end together, the engine in its own order.
func (h *house) run(ctx context.Context, std streams) error {
	if err := h.engine.Start(ctx); err != nil {
		return err
	}
	if err := h.shell.Start(ctx); err != nil {
		return errors.Join(err, h.engine.Stop())
	}
	socket, err := h.listenConsole()
	if err != nil {
		return errors.Join(err, h.engine.Stop())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.engine.Run(ctx) })
	group.Go(func() error { return h.shell.Run(ctx) })
	group.Go(func() error { return h.shell.ServeUnix(ctx, socket) })
	h.bound.publish(h)
	h.announce(std)
	h.system.Line(infoLevel, "System is coming up.")
	err = group.Wait()
	os.Remove(h.bound.path)
	return err
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

// boundAddresses keeps run/addresses.json true: it is an Applier that, last of all, writes down what the others bound.
type boundAddresses struct {
	path string
	mu   sync.Mutex // one writer at a time
}

func (b *boundAddresses) publish(h *house) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := json.Marshal(struct {
		SSH       []string            `json:"ssh"`
		Listeners map[string][]string `json:"listeners"`
	}{h.shell.Addresses(), h.engine.Addresses()})
	if err != nil {
		return err
	}
	return safefile.Write(b.path, append(data, '\n'), 0o600)
}
