package commands

import (
	"context"

	"posthouse/shell"
)

func dnsFlush(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "dnsflush",
		Summary: "Clear the DNS cache.",
		Roles:   shell.Operators,
		Batch:   []string{"dnsflush -y"},
		Help: `What nameservers have answered is forgotten and asked for anew, such as after a record was corrected. Connections that
are open stay where they are.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "dnsflush", Value: flushedJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			sure := len(args) == 1 && isYes(args[0])
			if len(args) > 0 && !sure {
				return shell.Usage("Invalid word %q: dnsflush takes nothing or -y.", args[0])
			}
			if !sure {
				var err error
				sure, err = s.YesNo("Are you sure you want to clear out the DNS cache?", false)
				if err != nil || !sure {
					return err
				}
			}
			answers := a.Engine.FlushDNS()
			if s.JSON {
				return s.PrintJSON(flushedJSON{answers})
			}
			s.Say("DNS cache cleared: %s.", counted(answers, "answer"))
			return nil
		},
	}
}

type flushedJSON struct {
	Answers int `json:"answers_forgotten" doc:"how many"`
}
