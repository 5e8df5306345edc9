package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/shell"
)

func shutdown(a *Appliance) *shell.Command {
	return ending{
		name: "shutdown", summary: "Stop the service.",
		question: "Are you sure you want to shut down the service?",
		said:     "The service stops now. Start it on the machine with its service manager, or with posthouse serve.",
		help: `Ports are closed at once. Messages that are being received or delivered may be finished within SECONDS, 30 where it is not said;
then their connections are closed, and what was not acknowledged comes again. Queued mail stays and is delivered after the next
start. The machine itself goes on: it is shut down from its own console.`,
	}.command(a)
}

func reboot(a *Appliance) *shell.Command {
	return ending{
		name: "reboot", summary: "Stop the service and start it again.", again: true,
		question: "Are you sure you want to restart the service?",
		said:     "The service restarts now.",
		help: `What shutdown does, and then the program starts anew with the words that it was started with: also another version of it that was
put in its place. Suspended listeners and deliveries stay suspended. The machine itself is not restarted.`,
	}.command(a)
}

// ending is what shutdown and reboot differ in.
type ending struct {
	name, summary, question, said, help string
	again                               bool
}

func (e ending) command(a *Appliance) *shell.Command {
	return &shell.Command{
		Name: e.name, Summary: e.summary, Help: e.help,
		Batch:     []string{e.name + " [SECONDS] [force]"},
		Documents: []shell.Document{shell.Says(e.name)},
		WholeWord: true,
		Roles:     shell.Operators | shell.Technician,
		Run:       func(_ context.Context, s *shell.Session, args []string) error { return e.run(a, s, args) },
		Complete:  func(_ *shell.Session, args []string) []string { return startingWith(args, []string{"force"}) },
	}
}

func (e ending) run(a *Appliance, s *shell.Session, args []string) error {
	force := len(args) > 0 && strings.EqualFold(args[len(args)-1], "force")
	words := args
	if force {
		words = args[:len(args)-1]
	}
	if len(words) > 1 {
		return shell.Usage("Invalid word %q: %s takes a number of seconds, and force.", words[1], e.name)
	}
	grace, err := e.grace(s, words, len(args) == 0)
	if err != nil {
		return err
	}
	e.sayAffected(a, s)
	if !force && (len(args) == 0 || s.Interactive()) {
		sure, err := s.YesNo(e.question, false)
		if err != nil || !sure {
			return err
		}
	}
	if a.Stop == nil {
		return shell.Fail("Unable to stop: no service runs here.")
	}
	// What was said before is read before the session ends.
	s.Say("%s", e.said)
	if err := a.Stop(s.Author(), grace, e.again); err != nil {
		return shell.Fail("Unable to stop: %w.", err)
	}
	return shell.ErrExit
}

// sayAffected says, before it is too late, whose work ends and is lost, and that no clock stops.
func (e ending) sayAffected(a *Appliance, s *shell.Session) {
	if n := len(s.Sessions()) - 1; n > 0 {
		s.Say("Other sessions that end: %d.", n)
	}
	for _, line := range unfinished(s.Sessions()) {
		s.Say("%s; lost with the session.", line)
	}
	if w, ok := a.Config.Waiting(); ok {
		s.Say("Not confirmed yet: %s. It reverts at %s, or at the first start after that.", told(w.Revisions[0]), stamp(w.Until))
	}
}

// grace is how long what is open may take; it is asked for where the command has no words.
func (e ending) grace(s *shell.Session, words []string, ask bool) (time.Duration, error) {
	seconds := graceDefault
	var err error
	switch {
	case len(words) == 1:
		seconds, err = number("number of seconds", words[0], 0, graceMost)
	case ask:
		seconds, err = s.AskInt(shell.Question{
			Text:    "Enter the number of seconds to wait before forcibly closing connections.",
			Default: fmt.Sprint(graceDefault),
		}, 0, graceMost)
	}
	return time.Duration(seconds) * time.Second, err
}
