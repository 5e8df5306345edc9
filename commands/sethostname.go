package commands

import (
	"context"

	"posthouse/config"
	"posthouse/shell"
)

func setHostname(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "sethostname",
		Summary: "Set the name of the machine.",
		Roles:   shell.Readers,
		Batch:   []string{"sethostname NAME"},
		Help: `The name stands in the prompt and in the serial data. SMTP and certificates use the host names of the interfaces,
see interfaceconfig.`,
		Commit: true,
		Documents: []shell.Document{
			shell.Says("sethostname"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: sethostname takes one name.", args[1])
			}
			name, present := "", s.Candidate().Hostname
			if len(args) == 1 {
				name = args[0]
			} else {
				var err error
				name, err = s.Ask(shell.Question{Default: present, Check: func(answer string) error {
					return checkMachineName(answer, present)
				}})
				if err != nil {
					return err
				}
			}
			if err := checkMachineName(name, present); err != nil {
				return err
			}
			return change(s, func(c *config.Config) error { c.Hostname = hostWord(name); return nil })
		},
	}
}
