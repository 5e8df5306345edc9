package commands

import (
	"context"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

// mailMost is how many addresses one configuration is sent to.
const mailMost = 100

func mailConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "mailconfig",
		Summary: "Send the running configuration by mail.",
		Batch:   []string{"mailconfig ADDRESS[,ADDRESS] [1|2]"},
		Help: `The file of saveconfig is sent as an attachment, through this appliance's own queue and routes. Its passphrases and
keys are masked, since it may travel in clear; 2 encrypts them under the export key instead, so that it can be loaded.
The sender is that of the alerts.`,
		Roles:     shell.Operators,
		Documents: []shell.Document{{For: "mailconfig", Value: mailedConfigJSON{}}},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 2 {
				return shell.Usage("Invalid word %q: mailconfig takes addresses, separated by commas, and 1 or 2.", args[2])
			}
			to, err := askMailTo(s, args)
			if err != nil {
				return err
			}
			masked := true
			if len(args) == 2 {
				if masked, err = maskingOf(args[1]); err != nil {
					return err
				}
			}
			return mailConfigTo(ctx, a, s, to, masked)
		},
	}
}

// mailedConfigJSON says who was sent the configuration.
type mailedConfigJSON struct {
	File        string   `json:"file" doc:"the attachment's name"`
	Recipients  []string `json:"recipients" doc:"addresses"`
	Passphrases string   `json:"passphrases" doc:"masked or encrypted"`
}

// askMailTo asks for the addresses, unless args have them.
func askMailTo(s *shell.Session, args []string) ([]string, error) {
	if len(args) > 0 {
		return mailAddresses(s, args[0])
	}
	answer, err := s.Ask(shell.Question{
		Text:     "Please enter the email address to which you want to send the configuration file. Separate multiple addresses with commas.",
		Required: true,
		Check:    func(answer string) error { _, err := mailAddresses(s, answer); return err },
	})
	if err != nil {
		return nil, err
	}
	return mailAddresses(s, answer)
}

func mailAddresses(s *shell.Session, text string) ([]string, error) {
	var list []string
	for word := range strings.SplitSeq(text, ",") {
		address := mailAddress(strings.TrimSpace(word))
		if err := acceptable(s, func(c *config.Config) { c.Alerts.From = address }); err != nil || address == "" {
			return nil, shell.Fail("Invalid address %q: addresses such as admin@example.com, separated by commas, are accepted.", strings.TrimSpace(word))
		}
		list = append(list, address)
	}
	if len(list) > mailMost {
		return nil, shell.Fail("Invalid addresses: at most %d are accepted.", mailMost)
	}
	return list, nil
}

func mailConfigTo(ctx context.Context, a *Appliance, s *shell.Session, to []string, masked bool) error {
	text, err := configText(a, masked)
	if err != nil {
		return err
	}
	c := a.Config.Running().Config
	now := time.Now()
	name := configName(a, now)
	message := attached{
		subject: "Configuration of " + c.Hostname, about: "config", kind: "application/xml", name: name, data: text,
		text: []string{"Attached is the configuration of " + c.Hostname, "as it is in force at " + now.Format(time.RFC1123Z) + "."},
	}.message(c, to, now)
	if err := a.Engine.Mail(ctx, c.Alerts.From, to, message); err != nil {
		return shell.Fail("Unable to send the configuration: %v.", reason(err))
	}
	if s.JSON {
		return s.PrintJSON(mailedConfigJSON{name, to, passphrases(masked)})
	}
	s.Say("The configuration file has been sent to %s.", strings.Join(to, ", "))
	return nil
}
