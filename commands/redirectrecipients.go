package commands

import (
	"context"
	"fmt"

	"posthouse/config"
	"posthouse/mta"
	"posthouse/shell"
)

func redirectRecipients(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "redirectrecipients",
		Summary: "Send everything in the delivery queue to another machine.",
		Roles:   shell.Operators,
		Batch:   []string{"redirectrecipients MACHINE"},
		Help: `MACHINE is a host name or an IP address, with :PORT behind it where the port is not 25. Everything that is queued at this
moment goes there, whatever its recipients' domains are, and is due at once; it is so after a restart too, and cannot be taken back but
by another redirection. No MX record and no SMTP route is followed: the host name's own addresses are used. The machine's destination
control holds, with its TLS setting and its limits. The envelopes stay as they are, so the machine must take mail for these domains.
What comes later is not concerned, nor is a recipient whose delivery is under way. tophosts and showrecipients list what is
redirected under [MACHINE]:PORT. The batch form asks nothing. Ctrl-C stops it: what is said to be redirected is, and the rest
waits as before.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "redirectrecipients", Value: redirectedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			machine, sure, err := redirectTo(s, args)
			if err != nil || !sure {
				return err
			}
			return changing{
				doing: "Redirecting messages, please wait.", verb: "redirect every recipient",
				result: func(done mta.Changed) string { return thousands(done.Recipients) + " recipients redirected." },
				json: func(done mta.Changed) any {
					return redirectedJSON{config.Redirected(machine), done.Recipients}
				},
				work: func(ctx context.Context, p mta.Progress) (mta.Changed, error) {
					return a.Engine.Redirect(ctx, machine, p)
				},
			}.run(ctx, s)
		},
	}
}

type redirectedJSON struct {
	Host       string `json:"host" doc:"where they wait now, [MACHINE]:PORT"`
	Recipients int    `json:"recipients_redirected" doc:"how many"`
}

// redirectTo takes the machine from the word, or asks for it and whether it is meant.
func redirectTo(s *shell.Session, args []string) (machine config.Hop, sure bool, err error) {
	if len(args) > 1 {
		return machine, false, shell.Usage("Invalid word %q: redirectrecipients takes one machine.", args[1])
	}
	if len(args) == 1 {
		machine, err = machineWord(args[0])
		return machine, true, err
	}
	if s.JSON {
		return machine, false, shell.Usage("Invalid command: redirectrecipients --json needs a machine.")
	}
	answer, err := s.Ask(shell.Question{
		Text: "Please enter the hostname or IP address of the machine you want to send all mail to.", Required: true,
		Check: func(answer string) error { _, err := machineWord(answer); return err },
	})
	if err != nil {
		return machine, false, err
	}
	if machine, err = machineWord(answer); err != nil {
		return machine, false, err
	}
	s.Say("\nWARNING: Everything that is queued now is sent to \"%s\", whatever its domain, its MX records and its SMTP routes say.\n"+
		"What that machine refuses is bounced. It cannot be undone.\n", answer)
	sure, err = s.YesNo(fmt.Sprintf("Are you sure you want to redirect all mail in the queue to \"%s\"?", answer), false)
	return machine, sure, err
}

func machineWord(word string) (config.Hop, error) {
	machine, err := config.ParseMachine(word)
	if err != nil {
		return machine, shell.Fail("Invalid machine %q: a host name or an IP address is accepted, with :PORT behind it where it is not 25.", word)
	}
	return machine, nil
}
