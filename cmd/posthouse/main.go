// Command posthouse is the whole appliance: one binary that serves mail and operators from one data folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version and buildDate are set by the build; the defaults are a build by hand.
var (
	version   = "1.0.0-000"
	buildDate = "2026-11-21"
)

// subcommand is one word behind posthouse. The table below is the whole of the binary's own surface.
type subcommand struct {
	name, args, what string
	run              func(ctx context.Context, args []string, std streams) error
}

// streams are the process's standard input and outputs.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", "[--data DIR] [--master-key FILE]", "run the appliance; an empty DIR is set up first", serve},
		{"init", "--data DIR [options]", "set up DIR and ask nothing", initialize},
		{"console", "[--data DIR]", "the operator's shell on this terminal, for the machine's owner", console},
		{"check", "[--data DIR] [--master-key FILE]", "validate the configuration and the spool, change nothing", check},
		{"version", "", "print the version", printVersion},
	}
}

// errUsage marks a command line that could not be understood: exit status 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := withSignals(context.Background())
	program, _ := os.Executable() // as it is called now: another one may lie there when it is started again
	status := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	if status == statusAgain {
		status = again(program)
	}
	os.Exit(status)
}

// withSignals returns a context that the first SIGTERM or SIGINT cancels; the second ends the process at once.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		if _, ok := <-signals; ok {
			os.Exit(1)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// run carries out one command line and returns the process's exit status.
func run(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 {
		usage(std.err)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(std.out)
		return 0
	}
	for _, sub := range subcommands() {
		if sub.name != strings.TrimPrefix(args[0], "--") {
			continue
		}
		err := sub.run(ctx, args[1:], std)
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		var status statusError
		if err != nil && !errors.As(err, &status) && !errors.Is(err, errAgain) {
			fmt.Fprintf(std.err, "posthouse %s: %v\n", sub.name, err)
		}
		return exitStatus(err)
	}
	fmt.Fprintf(std.err, "posthouse: unknown command %q\n", args[0])
	usage(std.err)
	return 2
}

func exitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errAgain):
		return statusAgain
	}
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	return 1
}

// statusError is a session's exit status; what went wrong has been said in the session.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: posthouse COMMAND [options]")
	for _, sub := range subcommands() {
		fmt.Fprintf(w, "  %-8s %-33s %s\n", sub.name, sub.args, sub.what)
	}
}

// parse reads a subcommand's flags; words that are no flags are refused.
func parse(flags *flag.FlagSet, args []string, std streams) error {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(std.out, "posthouse %s takes:\n", flags.Name())
			flags.SetOutput(std.out)
			flags.PrintDefaults()
			return err
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	return nil
}

// dataFlag adds the flag that every subcommand but version has.
func dataFlag(flags *flag.FlagSet) *string {
	return flags.String("data", "var", "the folder that holds everything")
}

func printVersion(_ context.Context, args []string, std streams) error {
	if err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, std); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Posthouse %s (%s)\n", version, buildDate)
	return nil
}
