package commands

import (
	"context"

	"posthouse/shell"
)

func sshConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:      "sshconfig",
		Summary:   "Configure the users' SSH keys.",
		Roles:     shell.Administrator,
		Batch:     userKeyForms(),
		Help:      userKeyHelp,
		Commit:    true,
		JSON:      true,
		Documents: userKeyDocuments(),
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return dispatch("sshconfig", args, []subcommand{
					{"userkey", 0, -1, func(rest []string) error { return userKeyBatch(s, rest) }},
				})
			}
			if s.JSON {
				return userKeyBatch(s, nil)
			}
			return s.Menu(shell.Menu{Items: []shell.MenuItem{
				{Keyword: "USERKEY", What: "Edit SSH User Key settings", Do: plainly(func() error { return userKeyMenu(s) })},
			}})
		},
		Complete: func(s *shell.Session, args []string) []string {
			if len(args) <= 1 {
				return startingWith(args, []string{"userkey"})
			}
			return completeUserKey(s, args[1:])
		},
	}
}
