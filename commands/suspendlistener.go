package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthouse/shell"
)

// How long what is open may take to finish, in seconds, before it is closed.
const (
	graceDefault = 30
	graceMost    = 86400
)

func suspendListener(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "suspendlistener",
		Summary: "Suspend receiving.",
		Roles:   shell.Operators,
		Batch:   []string{"suspendlistener all|NAME[,NAME] [SECONDS]"},
		Help: `New connections are refused at once. Open ones may finish within SECONDS, 30 where it is not said, and are
closed then. A suspended listener stays suspended over a restart, until resumelistener. Ctrl-C ends the waiting, not the
suspension.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "suspendlistener", Value: suspendedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			names, err := listenersMeant(a, s, "suspend", args, 2)
			if err != nil {
				return err
			}
			seconds, err := graceWord(s, args, 1)
			if err != nil {
				return err
			}
			if err := suspendReceiving(ctx, a, s, names, seconds); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(suspendedJSON{namesOr(names, everyListener(a)), []string{}})
		},
		Complete: completeListeners(a),
	}
}

func suspendReceiving(ctx context.Context, a *Appliance, s *shell.Session, names []string, grace time.Duration) error {
	s.Say("Waiting for listeners to exit...")
	if err := a.Engine.SuspendListeners(ctx, names, grace); err != nil {
		return shell.Fail("Failed to suspend receiving: %v.", err)
	}
	s.Println("Receiving suspended" + forNames(names))
	return nil
}

func resumeListener(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:      "resumelistener",
		Summary:   "Resume receiving.",
		Roles:     shell.Operators,
		Batch:     []string{"resumelistener all|NAME[,NAME]"},
		Documents: []shell.Document{{For: "resumelistener", Value: resumedJSON{}}},
		Help:      "Listeners that were suspended take connections again.",
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			names, err := listenersMeant(a, s, "resume", args, 1)
			if err != nil {
				return err
			}
			if err := resumeReceiving(ctx, a, s, names); err != nil || !s.JSON {
				return err
			}
			return s.PrintJSON(resumedJSON{namesOr(names, everyListener(a)), []string{}})
		},
		Complete: completeListeners(a),
	}
}

func resumeReceiving(ctx context.Context, a *Appliance, s *shell.Session, names []string) error {
	if err := a.Engine.ResumeListeners(ctx, names); err != nil {
		return shell.Fail("Failed to resume receiving: %v.", err)
	}
	s.Println("Receiving resumed" + forNames(names))
	return nil
}

// forNames ends a sentence about listeners: all of them need no name.
func forNames(names []string) string {
	if len(names) == 0 {
		return "."
	}
	return " for " + strings.Join(names, ", ") + "."
}

// listenerWords is the listeners that args[0] names, or that the answer to a question does; none means all of them.
func listenersMeant(a *Appliance, s *shell.Session, verb string, args []string, most int) ([]string, error) {
	if len(args) > most {
		return nil, shell.Usage("Invalid word %q: see 'help %slistener'.", args[most], verb)
	}
	known := engineListeners(a)
	if len(args) > 0 {
		return chosenListeners(args[0], known)
	}
	answer, err := s.Ask(shell.Question{
		Text: fmt.Sprintf("Choose the listener(s) you wish to %s.\nSeparate multiple entries with commas.\n%s",
			verb, numbered(append([]string{"All"}, known...))),
		Default:  "1",
		Check:    func(answer string) error { _, err := chosenListeners(answer, known); return err },
		Complete: func() []string { return append([]string{"all"}, known...) },
	})
	if err != nil {
		return nil, err
	}
	return chosenListeners(answer, known)
}

// chosenListeners reads names and numbers of the list whose first entry is All, separated by commas.
func chosenListeners(text string, known []string) (names []string, err error) {
	all := false
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		n, numberErr := strconv.Atoi(word)
		i := slices.IndexFunc(known, func(name string) bool { return strings.EqualFold(name, word) })
		switch {
		case i >= 0:
			names = append(names, known[i])
		case numberErr == nil && n >= 2 && n <= len(known)+1:
			names = append(names, known[n-2])
		case strings.EqualFold(word, "all") || numberErr == nil && n == 1:
			all = true
		default:
			where := ""
			if word != text {
				where = fmt.Sprintf(" in %q", text)
			}
			return nil, shell.Fail("Unknown listener %q%s: %s.", word, where, acceptedAre(append([]string{"all"}, known...)))
		}
	}
	if all {
		return nil, nil
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func engineListeners(a *Appliance) []string {
	var names []string
	for _, l := range a.Engine.Listeners() {
		names = append(names, l.Name)
	}
	return names
}

func completeListeners(a *Appliance) func(*shell.Session, []string) []string {
	return func(_ *shell.Session, args []string) []string {
		if len(args) > 1 {
			return nil
		}
		return startingWith(args, append([]string{"all"}, engineListeners(a)...))
	}
}

// graceWord reads args[at] as seconds. Where it is missing, a command without any words asks; one with words takes
// the default, because a batch form asks nothing.
func graceWord(s *shell.Session, args []string, at int) (time.Duration, error) {
	seconds := graceDefault
	var err error
	switch {
	case len(args) > at:
		seconds, err = number("number of seconds", args[at], 0, graceMost)
	case len(args) == 0:
		seconds, err = s.AskInt(shell.Question{
			Text:    "Enter the number of seconds to wait before abruptly closing connections.",
			Default: fmt.Sprint(graceDefault),
		}, 0, graceMost)
	}
	return time.Duration(seconds) * time.Second, err
}
