package commands

import (
	"bytes"
	"context"

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
			return follow(ctx, s, log, lines, nil)
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

// leftOut is said where lines are missing.
const leftOut = "(Lines are left out here: they came faster than they can be shown.)"

// follow prints the latest n lines and every new one, those that are wanted; nil: all. Ctrl-C is its usual end and no failure.
func follow(ctx context.Context, s *shell.Session, log *eventlog.Log, n int, wanted func(line []byte) bool) error {
	s.Endless()
	if s.Interactive() {
		s.Say("Press Ctrl-C to stop.")
	}
	err := log.Follow(ctx, n, eventlog.Follower{
		Lines:   func(lines []byte) error { return printLines(s, log, pickLines(lines, wanted)) },
		LeftOut: func() error { return printLines(s, log, []byte(leftOut+"\n")) },
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// pickLines is the wanted ones of several lines.
func pickLines(lines []byte, wanted func(line []byte) bool) []byte {
	if wanted == nil {
		return lines
	}
	var some []byte
	for line := range bytes.Lines(lines) {
		if wanted(line[:len(line)-1]) {
			some = append(some, line...)
		}
	}
	return some
}

// printLines prints lines at once, or a document for each of them.
func printLines(s *shell.Session, log *eventlog.Log, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if !s.JSON {
		_, err := s.Write(lines)
		return err
	}
	var documents []logLineJSON
	for line := range bytes.Lines(lines) {
		documents = append(documents, logLineJSON{log.Name(), lineJSON(string(line[:len(line)-1]))})
	}
	return shell.PrintJSONLines(s, documents)
}
