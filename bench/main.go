// Command bench drives mail servers as relays to a counting sink, one at a time and on loopback only, and measures them; and it
// kills a posthouse under load, again and again, and looks for what got lost. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// subcommand is one word behind bench.
type subcommand struct {
	name, what string
	isolated   bool // it runs in a network namespace of its own, which needs root
	run        func(ctx context.Context, args []string, out io.Writer) error
}

func subcommands() []subcommand {
	return []subcommand{
		{"run", "measure servers, and print the tables", true, run},
		{"floor", "measure what the machine itself can do", true, floor},
		{"report", "print the tables of earlier runs again: report FILE...", false, report},
		{"kill", "kill posthouse under load, and look for what got lost", false, kill},
		{"shell", "measure the shell beside sshd, and what sessions cost the mail", false, shellRuns},
		{"sink", "run the counting sink alone", false, sink},
		{"load", "run the generator alone", false, load},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage marks a command line that could not be understood: exit status 2.
var errUsage = errors.New("usage")

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		usage(os.Stderr)
		return fmt.Errorf("%w: no command", errUsage)
	}
	for _, sub := range subcommands() {
		if sub.name != args[0] {
			continue
		}
		if sub.isolated && !isolated() {
			return isolate(ctx)
		}
		return sub.run(ctx, args[1:], out)
	}
	usage(os.Stderr)
	return fmt.Errorf("%w: unknown command %q", errUsage, args[0])
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: bench COMMAND [flags]; COMMAND -h tells its flags")
	for _, sub := range subcommands() {
		fmt.Fprintf(w, "  %-7s %s\n", sub.name, sub.what)
	}
}

// parse reads a subcommand's flags; words that are no flags are refused.
func parse(flags *flag.FlagSet, args []string) error {
	words, err := parseWords(flags, args)
	if err == nil && len(words) > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, words[0])
	}
	return err
}

// parseWords reads flags and returns the words behind them.
func parseWords(flags *flag.FlagSet, args []string) ([]string, error) {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %v", errUsage, err)
	}
	return flags.Args(), nil
}
