package commands

import (
	"context"

	"posthouse/shell"
)

func suspend(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "suspend",
		Summary: "Suspend receiving and deliveries.",
		Roles:   shell.Operators,
		Batch:   []string{"suspend SECONDS"},
		Help: `What suspendlistener and suspenddel do for everything, one after the other. The state survives a restart,
until resume. Ctrl-C while listeners are waited for leaves deliveries as they are.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "suspend", Value: suspendedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: suspend takes a number of seconds.", args[1])
			}
			grace, err := graceWord(s, args, 0)
			if err != nil {
				return err
			}
			if err := suspendReceiving(ctx, a, s, nil, grace); err != nil {
				return err
			}
			if err := suspendDelivery(ctx, a, s, nil, grace); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(suspendedJSON{everyListener(a), everyDomain()})
		},
	}
}

func resume(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "resume",
		Summary:   "Resume receiving and deliveries.",
		Roles:     shell.Operators,
		Batch:     []string{"resume"},
		Help:      "What was suspended by suspend, suspendlistener or suspenddel goes on.",
		Documents: []shell.Document{{For: "resume", Value: resumedJSON{}}},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if err := noWords("resume", args); err != nil {
				return err
			}
			if err := resumeReceiving(ctx, a, s, nil); err != nil {
				return err
			}
			if err := resumeDelivery(ctx, a, s, nil); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(resumedJSON{everyListener(a), everyDomain()})
		},
	}
}

// suspendedJSON is what was suspended, for programs.
type suspendedJSON struct {
	Listeners []string `json:"suspended_listeners" doc:"in order of name"`
	Domains   []string `json:"suspended_domains" doc:"to which nothing is delivered; ALL is every one"`
}

// resumedJSON is what was resumed, for programs.
type resumedJSON struct {
	Listeners []string `json:"resumed_listeners" doc:"in order of name"`
	Domains   []string `json:"resumed_domains" doc:"to which mail is delivered again; ALL is every one"`
}

// everyListener is the names for which no names stand.
func everyListener(a *Appliance) []string { return append([]string{}, engineListeners(a)...) }

// everyDomain is the word for which no domains stand.
func everyDomain() []string { return []string{"ALL"} }

// namesOr is the chosen names, or every one where none was chosen.
func namesOr(names, every []string) []string {
	if len(names) == 0 {
		return every
	}
	return names
}
