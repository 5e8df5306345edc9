package commands

import (
	"context"
	"strings"
	"time"

	"posthouse/shell"
)

func suspendDel(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "suspenddel",
		Summary: "Suspend deliveries.",
		Roles:   shell.Operators,
		Batch:   []string{"suspenddel SECONDS [DOMAIN[,DOMAIN]]"},
		Help: `No new delivery begins. Those under way may finish within SECONDS and are ended then; their mail stays in the
queue. Without a domain, or with ALL, every delivery is meant. The state survives a restart, until resumedel.
Ctrl-C ends the waiting, not the suspension.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "suspenddel", Value: suspendedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			grace, err := graceWord(s, args, 0)
			if err != nil {
				return err
			}
			domains, err := domainWords(s, "suspend", args, 1)
			if err != nil {
				return err
			}
			if err := suspendDelivery(ctx, a, s, domains, grace); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(suspendedJSON{[]string{}, namesOr(domains, everyDomain())})
		},
		Complete: completeDomains(a, 1),
	}
}

func suspendDelivery(ctx context.Context, a *Appliance, s *shell.Session, domains []string, grace time.Duration) error {
	s.Say("Waiting for outgoing deliveries to finish...")
	if err := a.Engine.SuspendDelivery(ctx, domains, grace); err != nil {
		return shell.Fail("Failed to suspend delivery: %v.", err)
	}
	s.Say("Mail delivery suspended.")
	return nil
}

func resumeDel(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "resumedel",
		Summary:   "Resume deliveries.",
		Roles:     shell.Operators,
		Batch:     []string{"resumedel [DOMAIN[,DOMAIN]]", "resumedel all"},
		Documents: []shell.Document{{For: "resumedel", Value: resumedJSON{}}},
		Help:      "Without a domain it asks for which ones; ALL is every delivery that was suspended.",
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			domains, err := domainWords(s, "resume", args, 0)
			if err != nil {
				return err
			}
			if err := resumeDelivery(ctx, a, s, domains); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(resumedJSON{[]string{}, namesOr(domains, everyDomain())})
		},
		Complete: completeDomains(a, 0),
	}
}

func resumeDelivery(ctx context.Context, a *Appliance, s *shell.Session, domains []string) error {
	if err := a.Engine.ResumeDelivery(ctx, domains); err != nil {
		return shell.Fail("Failed to resume delivery: %v.", err)
	}
	s.Say("Mail delivery resumed.")
	return nil
}

// domainWords reads the domains from args[at:], or asks for them when there are no words at all; none means all.
func domainWords(s *shell.Session, verb string, args []string, at int) ([]string, error) {
	if len(args) > at {
		return splitDomains(strings.Join(args[at:], ","))
	}
	if len(args) > 0 {
		return nil, nil
	}
	answer, err := s.Ask(shell.Question{
		Text:    "Enter one or more domains [comma-separated] to which you want to " + verb + " delivery.",
		Default: "ALL",
		Check:   func(answer string) error { _, err := splitDomains(answer); return err },
	})
	if err != nil {
		return nil, err
	}
	return splitDomains(answer)
}

func splitDomains(text string) (domains []string, err error) {
	all := false
	for word := range strings.SplitSeq(text, ",") {
		domain := hostWord(word)
		switch {
		case domain == "all":
			all = true
		case domain == "":
		default:
			if err := checkQueued(domain); err != nil {
				return nil, err
			}
			domains = append(domains, domain)
		}
	}
	if !all && len(domains) == 0 {
		return nil, shell.Fail("Invalid domain %q: ALL or one or more domains are accepted.", text)
	}
	if all {
		return nil, nil
	}
	return domains, nil
}

// completeDomains proposes the destinations in memory for the words from the given one on.
func completeDomains(a *Appliance, from int) func(*shell.Session, []string) []string {
	return func(_ *shell.Session, args []string) []string {
		if len(args) <= from && from > 0 {
			return nil
		}
		return startingWith(args, append([]string{"all"}, hostNames(a)...))
	}
}
