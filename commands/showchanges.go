package commands

import (
	"context"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func showChanges(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showchanges",
		Summary: "Show what a commit would change.",
		Batch:   []string{"showchanges"},
		Help:    "Each line is a setting, its present value and the new one.",
		Documents: []shell.Document{
			{For: "showchanges", Value: pendingJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("showchanges", args); err != nil {
				return err
			}
			changes := s.Changes()
			if s.JSON {
				return s.PrintJSON(pendingJSON{changesJSON(changes)})
			}
			switch len(changes) {
			case 0:
				s.Println("There are no changes.")
				return nil
			case 1:
				printChanges(s, changes)
				s.Println("1 change, not committed.")
			default:
				printChanges(s, changes)
				s.Printf("%d changes, not committed.\n", len(changes))
			}
			return nil
		},
	}
}

func printChanges(s *shell.Session, changes []config.Change) {
	if text := strings.TrimRight(config.FormatChanges(changes), "\n"); text != "" {
		s.Println(text)
	}
}

type pendingJSON struct {
	Changes []changeJSON `json:"changes" doc:"settings that differ"`
}

// changeJSON is one changed setting for programs.
type changeJSON struct {
	Path string `json:"path" doc:"of the setting, as in posthouse.toml"`
	Old  string `json:"old" doc:"its value in force; (none): it is not there"`
	New  string `json:"new" doc:"the new value; (none): it is gone"`
}

func changesJSON(changes []config.Change) []changeJSON {
	list := make([]changeJSON, len(changes))
	for i, c := range changes {
		list[i] = changeJSON(c)
	}
	return list
}
