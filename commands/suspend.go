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
			return suspendDelivery(ctx, a, s, nil, grace)
		},
	}
}

func resume(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "resume",
		Summary: "Resume receiving and deliveries.",
		Roles:   shell.Operators,
		Batch:   []string{"resume"},
		Help:    "What was suspended by suspend, suspendlistener or suspenddel goes on.",
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if err := noWords("resume", args); err != nil {
				return err
			}
			if err := resumeReceiving(ctx, a, s, nil); err != nil {
				return err
			}
			return resumeDelivery(ctx, a, s, nil)
		},
	}
}
