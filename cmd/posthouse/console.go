package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"syscall"

	"posthouse/config"
	"posthouse/mta/spool"
	"posthouse/shell"
)

// console is the operator's shell on this terminal. Who may open the socket owns the machine: no password is asked.
func console(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("console", flag.ContinueOnError)
	data := dataFlag(flags)
	if err := parse(flags, args, std); err != nil {
		return err
	}
	status, err := shell.Console(ctx, socketPath(*data), std.in, std.out, std.err)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no appliance is running on %s: start it with posthouse serve --data %s", *data, *data)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the console of %s is for its owner only", *data)
	case err == nil && status != 0:
		return statusError(status)
	}
	return err
}

// check validates the configuration and the spool, and changes nothing.
func check(_ context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	data, keyFile := dataFlag(flags), masterKeyFlag(flags)
	if err := parse(flags, args, std); err != nil {
		return err
	}
	if !config.IsSetUp(*data) {
		return fmt.Errorf("%s: %w", *data, config.ErrNotSetUp)
	}
	key, err := findMasterKey(*keyFile)
	if err != nil {
		return err
	}
	if err := errors.Join(config.Check(*data, key.forConfig()), spool.Check(spoolFolder(*data))); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: the configuration and the spool are in order.\n", *data)
	return nil
}
