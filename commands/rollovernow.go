package commands

import (
	"context"

	"posthouse/internal/eventlog"
	"posthouse/shell"
)

// rolledJSON is the document of rollovernow.
type rolledJSON struct {
	Logs []string `json:"logs" doc:"whose files were rolled over"`
}

func rolloverNow(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "rollovernow",
		Summary:   "Finish the logs' current files and begin new ones.",
		Batch:     []string{"rollovernow [LOG]"},
		Help:      "Without a name all logs are rolled over. Nothing is lost: lines that come meanwhile stand in the new file.",
		Roles:     shell.Operators,
		Documents: []shell.Document{{For: "rollovernow", Value: rolledJSON{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			logs, err := toRollOver(a, args)
			if err != nil {
				return err
			}
			return rollOver(s, logs)
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, logNames(a)) },
	}
}

// toRollOver are the logs that were named: all where none was.
func toRollOver(a *Appliance, args []string) ([]*eventlog.Log, error) {
	switch len(args) {
	case 0:
		return a.logs(), nil
	case 1:
		log, err := logNamed(a, args[0])
		return []*eventlog.Log{log}, err
	}
	return nil, shell.Usage("Invalid word %q: rollovernow takes the name of one log.", args[1])
}

func rollOver(s *shell.Session, logs []*eventlog.Log) error {
	doc := rolledJSON{Logs: []string{}}
	for _, l := range logs {
		if err := l.Rollover(); err != nil {
			return shell.Fail("Failed to roll over %s: %v.", l.Name(), reason(err))
		}
		doc.Logs = append(doc.Logs, l.Name())
	}
	if s.JSON {
		return s.PrintJSON(doc)
	}
	s.Say("Log files successfully rolled over.")
	return nil
}
