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
			name := ""
			if len(args) == 1 {
				name = args[0]
			} else {
				var err error
				name, err = s.Ask(shell.Question{Default: s.Candidate().Hostname, Check: func(answer string) error {
					return acceptable(s, func(c *config.Config) { c.Hostname = hostWord(answer) })
				}})
				if err != nil {
					return err
				}
			}
			setName := func(c *config.Config) { c.Hostname = hostWord(name) }
			if err := acceptable(s, setName); err != nil {
				return err
			}
			return change(s, func(c *config.Config) error { setName(c); return nil })
		},
	}
}
