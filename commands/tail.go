package commands

import (
	"context"
	"fmt"

	"posthouse/internal/eventlog"
	"posthouse/shell"
)

const (
	tailLines = 10
	tailMost  = 100000
)

func tail(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "tail",
		Summary:  "Show the latest lines of a log, and new ones as they come.",
		Roles:    shell.Readers | shell.HelpDesk,
		RolesFor: logRoles(a),
		Batch:    []string{"tail [-n LINES] [LOG]"},
		Help:     "Begins with the latest 10 lines, or as many as -n says, and goes on until Ctrl-C or until the connection ends.",
		Documents: []shell.Document{
			{For: "tail", Value: logLineJSON{}, Lines: true},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			lines := tailLines
			if len(args) > 1 && args[0] == "-n" {
				var err error
				if lines, err = number("number of lines", args[1], 0, tailMost); err != nil {
					return err
				}
				args = args[2:]
			}
			if len(args) > 1 || len(args) == 1 && args[0] == "-n" {
				return shell.Usage("Invalid command: see 'help tail' for the words of tail.")
			}
			log, err := tailed(a, s, args)
			if err != nil {
				return err
			}
			return follow(ctx, s, log, lines, func(string) bool { return true })
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, logNames(a)) },
	}
}

func tailed(a *Appliance, s *shell.Session, args []string) (*eventlog.Log, error) {
	if len(args) == 1 {
		return logNamed(a, args[0])
	}
	return askLog(a, s, "Enter the number of the log you wish to tail.")
}

// follow prints the wanted ones of the latest n lines and of every new one. Ctrl-C is its usual end and no failure.
func follow(ctx context.Context, s *shell.Session, log *eventlog.Log, n int, wanted func(line string) bool) error {
	s.Unpaged()
	if s.Interactive() {
		s.Println("Press Ctrl-C to stop.")
	}
	err := log.Tail(ctx, n, func(line string) error {
		if !wanted(line) {
			return nil
		}
		if s.JSON {
			return s.PrintJSONLine(logLineJSON{log.Name(), lineJSON(line)})
		}
		_, err := fmt.Fprintln(s, line)
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
