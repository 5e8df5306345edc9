package commands

import (
	"cmp"
	"context"
	"strings"

	"posthouse/shell"
)

func deliverNow(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "delivernow",
		Summary: "Schedule messages for delivery at once.",
		Roles:   shell.Operators,
		Batch:   []string{"delivernow all", "delivernow DOMAIN"},
		Help:    "What waits for its next attempt is tried now, also where a destination was down.",
		Documents: []shell.Document{
			{For: "delivernow", Value: scheduledJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			domain, err := deliverNowDomain(s, args)
			if err != nil {
				return err
			}
			a.Engine.DeliverNow(domain)
			if s.JSON {
				return s.PrintJSON(scheduledJSON{cmp.Or(domain, "ALL")})
			}
			if domain == "" {
				s.Say("Scheduling all messages for delivery.")
			} else {
				s.Say("Scheduling all messages to %s for delivery.", domain)
			}
			return nil
		},
		Complete: completeDomains(a, 0),
	}
}

// deliverNowDomain is the chosen domain, empty for all.
func deliverNowDomain(s *shell.Session, args []string) (string, error) {
	if len(args) > 1 {
		return "", shell.Usage("Invalid word %q: delivernow takes one domain or all.", args[1])
	}
	if len(args) == 1 {
		if strings.EqualFold(args[0], "all") {
			return "", nil
		}
		domain := hostWord(args[0])
		return domain, checkQueued(domain)
	}
	how, err := s.Choose("Please choose an option for scheduling immediate delivery.",
		[]string{"By recipient domain", "All messages"}, 1)
	if err != nil || how == 2 {
		return "", err
	}
	answer, err := s.Ask(shell.Question{
		Text: "Please enter the domain to schedule for delivery.", Required: true, // nothing must not come to mean everything
		Check: func(answer string) error { return checkQueued(hostWord(answer)) },
	})
	return hostWord(answer), err
}

type scheduledJSON struct {
	Domain string `json:"domain" doc:"whose messages are due at once; ALL is every one"`
}
