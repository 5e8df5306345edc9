package commands

import (
	"context"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// The bounds of the alerts' settings, as config.Alerts has them.
const (
	alertInitialMost = 86400
	alertMaxMost     = 604800
	alertDigestMost  = 1440
)

func alertConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "alertconfig",
		Summary: "Configure who is told of what by mail.",
		Roles:   shell.Readers,
		Batch: []string{
			"alertconfig list",
			"alertconfig new ADDRESS [class CLASS[,CLASS]] [severity SEVERITY[,SEVERITY]] ...",
			"alertconfig edit ADDRESS [class CLASS[,CLASS]] [severity SEVERITY[,SEVERITY]] ...",
			"alertconfig delete ADDRESS",
			"alertconfig clear",
			"alertconfig setup key value ...",
			"alertconfig from ADDRESS|default",
		},
		Help: `Classes: all, ` + strings.Join(config.AlertClasses[:], ", ") + `.
Severities: all, critical, warning, information. Both are all where nothing is said; a further class begins anew with
its own severities. What a setting requires of TLS and cannot have is a warning of the class System.

Keys of setup: initial_wait SECONDS (before a duplicate is sent again; 0 sends every one); max_wait SECONDS (that wait
doubles up to it while duplicates go on coming); digest MINUTES (for which alerts are collected into one message; 0
sends at once, and critical ones are always sent at once). displayalerts shows the last alerts.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "alertconfig list", Value: alertConfigJSON{}},
			shell.Says("alertconfig new, edit, delete, clear, setup, from"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			r := &alertRecipients{s}
			if len(args) > 0 {
				return r.batch(args)
			}
			if s.JSON {
				return r.list()
			}
			return r.menu()
		},
		Complete: completeAlertConfig,
	}
}

// alertRecipients is one run of alertconfig on the session's candidate.
type alertRecipients struct{ s *shell.Session }

func (r *alertRecipients) alerts() *config.Alerts { return &r.s.Candidate().Alerts }

func (r *alertRecipients) addresses() []string {
	return slices.Sorted(maps.Keys(r.alerts().Recipients))
}

func (r *alertRecipients) menu() error {
	none := func() bool { return len(r.alerts().Recipients) == 0 }
	return r.s.Menu(shell.Menu{
		State: r.print,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a new email address to send alerts.", Do: plainly(r.create)},
			{Keyword: "EDIT", What: "Modify alert subscription for an email address.", Do: plainly(r.edit), Hidden: none},
			{Keyword: "DELETE", What: "Remove an email address.", Do: plainly(r.askRemove), Hidden: none},
			{Keyword: "CLEAR", What: "Remove all email addresses (disable alerts).", Do: plainly(r.askClear), Hidden: none},
			{Keyword: "SETUP", What: "Configure alert settings.", Do: plainly(r.setup)},
			{Keyword: "FROM", What: "Configure the From Address of alert emails.", Do: plainly(r.from)},
		},
	})
}

// print is the present state.
func (r *alertRecipients) print() {
	c := r.alerts()
	if len(c.Recipients) == 0 {
		r.s.Say("Not sending alerts (no configured addresses).")
	} else {
		r.s.Println("Sending alerts to:")
	}
	for _, address := range r.addresses() {
		r.s.Println(address)
		for _, sub := range c.Recipients[address].Subscriptions {
			r.s.Printf(" Class: %s - Severities: %s\n", sub.Class, strings.Join(sub.Severities, ", "))
		}
	}
	r.s.Say("\nInitial number of seconds to wait before sending a duplicate alert: %d", c.InitialWait)
	r.s.Say("Maximum number of seconds to wait before sending a duplicate alert: %d", c.MaxWait)
	if c.Digest > 0 {
		r.s.Say("Number of minutes for which alerts are collected into one message: %d", c.Digest)
	}
	if c.From == "" {
		r.s.Say("Alerts will be sent using the system-default From Address.")
	} else {
		r.s.Say("Alerts will be sent using the configured From Address: %s", c.From)
	}
}

// alertConfigJSON is alertconfig list for programs.
type alertConfigJSON struct {
	Recipients  []alertRecipientJSON `json:"recipients" doc:"in order of address"`
	InitialWait int                  `json:"initial_wait" doc:"seconds before a duplicate is sent again"`
	MaxWait     int                  `json:"max_wait" doc:"seconds to which that wait grows"`
	Digest      int                  `json:"digest" doc:"minutes for which alerts are collected into one message; 0: none"`
	From        string               `json:"from" doc:"the sender's address; empty: alert at the host name"`
}

type alertRecipientJSON struct {
	Address       string                  `json:"address" doc:"a mail address"`
	Subscriptions []alertSubscriptionJSON `json:"subscriptions" doc:"one for each class"`
}

type alertSubscriptionJSON struct {
	Class      string   `json:"class" doc:"All, System, Hardware and so on"`
	Severities []string `json:"severities" doc:"All, Critical, Warning, Information"`
}

func (r *alertRecipients) list() error {
	if !r.s.JSON {
		r.print()
		return nil
	}
	c := r.alerts()
	list := []alertRecipientJSON{}
	for _, address := range r.addresses() {
		entry := alertRecipientJSON{Address: address, Subscriptions: []alertSubscriptionJSON{}}
		for _, sub := range c.Recipients[address].Subscriptions {
			entry.Subscriptions = append(entry.Subscriptions, alertSubscriptionJSON(sub))
		}
		list = append(list, entry)
	}
	return r.s.PrintJSON(alertConfigJSON{list, c.InitialWait, c.MaxWait, c.Digest, c.From})
}

func (r *alertRecipients) create() error {
	address, err := r.s.Ask(shell.Question{
		Text:     "Please enter a new email address to send alerts.\n(Ex: \"administrator@example.com\")",
		Required: true,
		Check:    func(answer string) error { _, err := r.fresh(answer); return err },
	})
	if err != nil {
		return err
	}
	if address, err = r.fresh(address); err != nil {
		return err
	}
	list, err := r.askSubscriptions(everything())
	if err != nil {
		return err
	}
	return r.put(address, list)
}

// fresh is the address of a new recipient.
func (r *alertRecipients) fresh(word string) (string, error) {
	address := mailAddress(word)
	if _, ok := r.find(address); ok {
		return "", shell.Fail("Invalid address %q: alerts are sent there already; EDIT changes which.", word)
	}
	return address, acceptable(r.s, func(c *config.Config) {
		c.Alerts.Recipients = map[string]*config.AlertRecipient{address: {Subscriptions: everything()}}
	})
}

// mailAddress writes an address in one way: its domain in lower case.
func mailAddress(word string) string {
	at := strings.LastIndexByte(word, '@') + 1
	return word[:at] + strings.ToLower(word[at:])
}

// find is the recipient whose address that is, in any case.
func (r *alertRecipients) find(word string) (string, bool) {
	for _, address := range r.addresses() {
		if strings.EqualFold(address, word) {
			return address, true
		}
	}
	return "", false
}

func (r *alertRecipients) known(word string) (string, error) {
	address, ok := r.find(word)
	if !ok {
		return "", shell.Fail("Unknown address %q: no alerts are sent there.", word)
	}
	return address, nil
}

// put stores a recipient.
func (r *alertRecipients) put(address string, list []config.AlertSubscription) error {
	return change(r.s, func(c *config.Config) error {
		if c.Alerts.Recipients == nil {
			c.Alerts.Recipients = map[string]*config.AlertRecipient{}
		}
		c.Alerts.Recipients[address] = &config.AlertRecipient{Subscriptions: list}
		return nil
	})
}

// pick asks for a recipient.
func (r *alertRecipients) pick(question string) (string, error) {
	list := r.addresses()
	n, err := r.s.Pick(shell.Choice{Options: list, Question: question})
	if err != nil {
		return "", err
	}
	return list[n-1], nil
}

func (r *alertRecipients) edit() error {
	address, err := r.pick("Please select the email address to edit.")
	if err != nil {
		return err
	}
	list, err := r.askSubscriptions(r.alerts().Recipients[address].Subscriptions)
	if err != nil {
		return err
	}
	return r.put(address, list)
}

func (r *alertRecipients) askRemove() error {
	address, err := r.pick("Please select the email address to remove.")
	if err != nil {
		return err
	}
	return r.remove(address)
}

func (r *alertRecipients) remove(word string) error {
	address, err := r.known(word)
	if err != nil {
		return err
	}
	return change(r.s, func(c *config.Config) error { delete(c.Alerts.Recipients, address); return nil })
}

func (r *alertRecipients) askClear() error {
	sure, err := r.s.YesNo("Are you sure you want to remove all email addresses and send no alerts?", false)
	if err != nil || !sure {
		return err
	}
	return r.clear()
}

func (r *alertRecipients) clear() error {
	return change(r.s, func(c *config.Config) error { c.Alerts.Recipients = nil; return nil })
}

func (r *alertRecipients) setup() error {
	c := *r.alerts()
	var err error
	ask := func(text string, to *int, low, high int) {
		if err == nil {
			*to, err = askFigure(r.s, text, *to, low, high)
		}
	}
	ask("Initial number of seconds to wait before sending a duplicate alert. A value of 0 sends every one.", &c.InitialWait, 0, alertInitialMost)
	ask("Maximum number of seconds to wait before sending a duplicate alert.", &c.MaxWait, min(c.InitialWait, alertMaxMost), alertMaxMost)
	ask("Number of minutes for which alerts are collected into one message. A value of 0 sends them at once.", &c.Digest, 0, alertDigestMost)
	if err != nil {
		return err
	}
	return r.settle(c)
}

// settle stores everything but the recipients.
func (r *alertRecipients) settle(settings config.Alerts) error {
	return change(r.s, func(c *config.Config) error {
		settings.Recipients = c.Alerts.Recipients
		c.Alerts = settings
		return nil
	})
}

func (r *alertRecipients) from() error {
	return r.s.Menu(shell.Menu{
		State: func() {
			if from := r.alerts().From; from != "" {
				r.s.Say("\nThe configured From Address is: %s", from)
			} else {
				r.s.Say("\nThe system-default From Address is: alert@%s", r.s.Candidate().Hostname)
			}
		},
		Items: []shell.MenuItem{
			{Keyword: "EDIT", What: "Edit the From Address.", Do: plainly(r.askFrom)},
			{Keyword: "DEFAULT", What: "Use the system-default From Address.", Do: plainly(func() error { return r.setFrom("default") })},
		},
	})
}

func (r *alertRecipients) askFrom() error {
	address, err := r.s.Ask(shell.Question{
		Text:     "Please enter the From Address to use for alerts.",
		Default:  r.alerts().From,
		Required: true,
		Check: func(answer string) error {
			return acceptable(r.s, func(c *config.Config) { c.Alerts.From = mailAddress(answer) })
		},
	})
	if err != nil {
		return err
	}
	return r.setFrom(address)
}

func (r *alertRecipients) setFrom(word string) error {
	settings := *r.alerts()
	settings.From = mailAddress(word)
	if strings.EqualFold(word, "default") {
		settings.From = ""
	}
	if err := acceptable(r.s, func(c *config.Config) { c.Alerts.From = settings.From }); err != nil {
		return err
	}
	return r.settle(settings)
}
