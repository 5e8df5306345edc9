package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// The bounds of a bounce profile, as config.BounceProfile has them.
const (
	retriesMost   = 10000
	queueTimeMost = 3000000
	retryTimeMost = 86400
	warningsMost  = 100
)

func bounceConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "bounceconfig",
		Summary: "Configure bounce profiles: how long mail is tried and how its sender is told.",
		Roles:   shell.Readers,
		Batch: []string{
			"bounceconfig list",
			"bounceconfig detail [NAME]",
			"bounceconfig new NAME [key value ...]",
			"bounceconfig edit NAME key value ...",
			"bounceconfig delete NAME",
			"bounceconfig setup key value ...",
		},
		Help: `The profile Default applies where a listener or a destination names none; setup changes it. Times are in seconds.

Keys: max_retries N; max_queue_time SECONDS; initial_retry SECONDS; max_retry SECONDS; hard_bounce on|off (a notice for
each hard bounce); dsn on|off (in the DSN format of RFC 3464, else plain text); delay_warning on|off;
delay_warning_after SECONDS (and between two of them); delay_warnings N (at most so many for a recipient); notice_to
ADDRESS|sender (whom bounces and warnings go to). What a sender asked for with a message (RFC 3461) narrows this down:
NOTIFY=NEVER is told of nothing. Notices of success go to the sender, and only where they were asked for.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "bounceconfig list, detail", Value: bounceProfilesJSON{}},
			shell.Says("bounceconfig new, edit, delete, setup"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			b := &bounces{s}
			if len(args) > 0 {
				return b.batch(args)
			}
			if s.JSON {
				return b.list(b.names())
			}
			return b.menu()
		},
		Complete: func(s *shell.Session, args []string) []string {
			switch {
			case len(args) <= 1:
				return startingWith(args, []string{"list", "detail", "new", "edit", "delete", "setup"})
			case len(args) == 2 && args[0] != "new" && args[0] != "setup":
				return startingWith(args, bounceNames(s.Candidate()))
			}
			return startingWith(args, []string{"max_retries", "max_queue_time", "initial_retry", "max_retry", "hard_bounce",
				"dsn", "delay_warning", "delay_warning_after", "delay_warnings", "notice_to"})
		},
	}
}

// bounces is one run of bounceconfig on the session's candidate.
type bounces struct{ s *shell.Session }

func bounceNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Bounces)) }

func (b *bounces) names() []string { return bounceNames(b.s.Candidate()) }

func (b *bounces) batch(args []string) error {
	return dispatch("bounceconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return b.list(b.names()) }},
		{"detail", 0, 1, b.detail},
		{"new", 1, -1, b.batchNew},
		{"edit", 3, -1, func(rest []string) error { return b.batchEdit(rest[0], rest[1:]) }},
		{"delete", 1, 1, func(rest []string) error { return b.remove(rest[0]) }},
		{"setup", 2, -1, func(rest []string) error { return b.batchEdit(config.DefaultBounceProfile, rest) }},
	})
}

func (b *bounces) menu() error {
	return b.s.Menu(shell.Menu{
		State: func() {
			b.s.Printf("\nCurrent bounce profiles:\n%s", numbered(b.names()))
		},
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new profile.", Do: plainly(b.create)},
			{Keyword: "EDIT", What: "Modify a profile.", Do: plainly(b.edit)},
			{Keyword: "DELETE", What: "Remove a profile.", Do: plainly(b.askRemove)},
			{Keyword: "SETUP", What: "Configure the profile that applies where none is named.", Do: plainly(func() error {
				return b.askProfile(config.DefaultBounceProfile)
			})},
		},
	})
}

func (b *bounces) create() error {
	name, err := b.s.Ask(shell.Question{Text: "Please create a name for the profile:", Required: true, Check: b.fresh})
	if err != nil {
		return err
	}
	return b.askProfile(name)
}

// fresh refuses a name that is taken or cannot be one.
func (b *bounces) fresh(name string) error {
	if _, err := bounceProfileNamed(b.s.Candidate(), name); err == nil {
		return shell.Fail("Invalid name %q: there is a bounce profile of that name.", name)
	}
	return acceptable(b.s, func(c *config.Config) { c.Bounces[name] = config.NewBounceProfile() })
}

func (b *bounces) edit() error {
	name, err := b.choose("Please enter the number of the profile to edit:")
	if err != nil {
		return err
	}
	return b.askProfile(name)
}

func (b *bounces) choose(question string) (string, error) {
	names := b.names()
	n, err := b.s.Pick(shell.Choice{Options: names, Question: question})
	if err != nil {
		return "", err
	}
	return names[n-1], nil
}

func (b *bounces) askRemove() error {
	name, err := b.choose("Please enter the number of the profile to delete:")
	if err != nil {
		return err
	}
	return b.remove(name)
}

func (b *bounces) remove(word string) error {
	name, err := bounceProfileNamed(b.s.Candidate(), word)
	if err != nil {
		return err
	}
	if name == config.DefaultBounceProfile {
		return shell.Fail("Unable to delete %q: it applies where no profile is named.", name)
	}
	return change(b.s, func(c *config.Config) error { delete(c.Bounces, name); return nil })
}

// askProfile asks for everything that a profile says; a new name makes a new profile.
func (b *bounces) askProfile(name string) error {
	p := config.NewBounceProfile()
	if present := b.s.Candidate().Bounces[name]; present != nil {
		*p = *present
	}
	err := inOrder(
		b.seconds("Please enter the maximum number of retries.", &p.MaxRetries, 0, retriesMost),
		b.seconds("Please enter the maximum number of seconds a message may stay in the queue before being hard bounced.",
			&p.MaxQueueTime, 0, queueTimeMost),
		b.seconds("Please enter the initial number of seconds to wait before retrying a message.", &p.InitialRetry, 1, retryTimeMost),
		func() error {
			p.MaxRetry = max(p.MaxRetry, p.InitialRetry)
			return b.seconds("Please enter the maximum number of seconds to wait before retrying a message.",
				&p.MaxRetry, p.InitialRetry, retryTimeMost)()
		},
		b.yes("Do you want a message sent for each hard bounce?", &p.HardBounce),
		b.yes("Do you want bounce messages to use the DSN message format?", &p.DSN),
		b.yes("If a message is undeliverable after some interval, do you want to send a delay warning message?", &p.DelayWarning),
		func() error { return b.askWarnings(p) },
		func() error { return b.askNotice(p) },
	)
	if err != nil {
		return err
	}
	return b.put(name, p)
}

func (b *bounces) seconds(text string, to *int, low, high int) func() error {
	return func() (err error) {
		*to, err = b.s.AskInt(shell.Question{Text: text, Default: fmt.Sprint(*to)}, low, high)
		return err
	}
}

func (b *bounces) yes(text string, to *bool) func() error {
	return func() (err error) {
		*to, err = b.s.YesNo(text, *to)
		return err
	}
}

func (b *bounces) askWarnings(p *config.BounceProfile) error {
	if !p.DelayWarning {
		return nil
	}
	return inOrder(
		b.seconds("Please enter the minimum interval in seconds between delay warning messages.", &p.DelayWarningAfter, 1, queueTimeMost),
		b.seconds("Please enter the maximum number of delay warning messages to send per recipient.", &p.DelayWarnings, 1, warningsMost),
	)
}

func (b *bounces) askNotice(p *config.BounceProfile) error {
	other, err := b.s.YesNo("Do you want hard bounce and delay warning messages sent to an alternate address, instead of the sender?",
		p.NoticeTo != "")
	if err != nil || !other {
		p.NoticeTo = ""
		return err
	}
	p.NoticeTo, err = b.s.Ask(shell.Question{
		Text:     "Please enter the email address to send hard bounce and delay warning messages to.",
		Default:  p.NoticeTo,
		Required: true,
		Check: func(answer string) error {
			return acceptable(b.s, func(c *config.Config) { c.Bounces[config.DefaultBounceProfile].NoticeTo = answer })
		},
	})
	return err
}

func (b *bounces) put(name string, p *config.BounceProfile) error {
	return change(b.s, func(c *config.Config) error { c.Bounces[name] = p; return nil })
}

func (b *bounces) batchNew(rest []string) error {
	if err := b.fresh(rest[0]); err != nil {
		return err
	}
	p := config.NewBounceProfile()
	if err := applySettings(rest[1:], bounceSettings(p)); err != nil {
		return err
	}
	return b.put(rest[0], p)
}

func (b *bounces) batchEdit(word string, words []string) error {
	name, err := bounceProfileNamed(b.s.Candidate(), word)
	if err != nil {
		return err
	}
	p := *b.s.Candidate().Bounces[name]
	if err := applySettings(words, bounceSettings(&p)); err != nil {
		return err
	}
	return b.put(name, &p)
}

func bounceSettings(p *config.BounceProfile) []setting {
	figure := func(key string, to *int, low, high int) setting {
		return setting{key, func(v string) (err error) { *to, err = number(key, v, low, high); return err }}
	}
	choice := func(key string, to *bool) setting {
		return setting{key, func(v string) (err error) { *to, err = switched(key, v); return err }}
	}
	return []setting{
		figure("max_retries", &p.MaxRetries, 0, retriesMost),
		figure("max_queue_time", &p.MaxQueueTime, 0, queueTimeMost),
		figure("initial_retry", &p.InitialRetry, 1, retryTimeMost),
		figure("max_retry", &p.MaxRetry, 1, retryTimeMost),
		choice("hard_bounce", &p.HardBounce),
		choice("dsn", &p.DSN),
		choice("delay_warning", &p.DelayWarning),
		figure("delay_warning_after", &p.DelayWarningAfter, 1, queueTimeMost),
		figure("delay_warnings", &p.DelayWarnings, 1, warningsMost),
		{"notice_to", func(v string) error {
			p.NoticeTo = v
			if strings.EqualFold(v, "sender") {
				p.NoticeTo = ""
			}
			return nil
		}},
	}
}
