package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

const deliveryConcurrencyMost = 10000

func deliveryConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "deliveryconfig",
		Summary: "Configure mail delivery.",
		Batch: []string{
			"deliveryconfig setup [interface NAME|auto] [possible_delivery on|off] [concurrency N]",
			"deliveryconfig show",
		},
		Help: `The interface is where deliveries come from; its host name is what EHLO says. Auto leaves the choice to the host
system's routes.

Possible Delivery is about a connection that is lost after the final dot: the message may or may not have arrived. Off,
it is sent again and perhaps arrives twice. On, it counts as delivered and is logged as such, which may lose mail.`,
		Commit: true,
		JSON:   true,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return dispatch("deliveryconfig", args, []subcommand{
					{"setup", 2, -1, func(rest []string) error { return deliverySettings(s, rest) }},
					{"show", 0, 0, func([]string) error { return showDelivery(s) }},
				})
			}
			if s.JSON {
				return showDelivery(s)
			}
			return s.Menu(shell.Menu{Items: []shell.MenuItem{
				{Keyword: "SETUP", What: "Configure mail delivery.", Do: with(s, setupDelivery)},
			}, Tight: true})
		},
		Complete: func(s *shell.Session, args []string) []string {
			if len(args) <= 1 {
				return startingWith(args, []string{"setup", "show"})
			}
			words := append([]string{"interface", "possible_delivery", "concurrency", "auto", "on", "off"}, interfaceNames(s.Candidate())...)
			return startingWith(args, words)
		},
	}
}

func setupDelivery(s *shell.Session) error {
	c := s.Candidate()
	d := c.Delivery
	names := interfaceNames(c)
	lines := []string{"Auto"}
	for _, name := range names {
		lines = append(lines, interfaceLine(name, c.Interfaces[name]))
	}
	n, err := s.Choose("Choose the default interface to deliver mail.", lines, slices.Index(names, d.Interface)+2)
	if err != nil {
		return err
	}
	d.Interface = append([]string{""}, names...)[n-1]
	if d.PossibleDelivery, err = s.YesNo("Enable \"Possible Delivery\"?", d.PossibleDelivery); err != nil {
		return err
	}
	if d.PossibleDelivery {
		warnOfPossibleDelivery(s)
	}
	d.Concurrency, err = s.AskInt(shell.Question{
		Text:    "Please enter the default system wide maximum outbound message delivery concurrency",
		Default: fmt.Sprint(d.Concurrency),
	}, 1, deliveryConcurrencyMost)
	if err != nil {
		return err
	}
	return change(s, func(c *config.Config) error { c.Delivery = d; return nil })
}

func warnOfPossibleDelivery(s *shell.Session) {
	s.Println("Note: a message whose connection is lost after the final dot now counts as delivered. This may lose mail.")
}

func deliverySettings(s *shell.Session, words []string) error {
	c := s.Candidate()
	d := c.Delivery
	err := applySettings(words, []setting{
		{"interface", func(v string) (err error) {
			if strings.EqualFold(v, "auto") {
				d.Interface = ""
				return nil
			}
			d.Interface, err = interfaceNamed(c, v)
			return err
		}},
		{"possible_delivery", func(v string) (err error) {
			d.PossibleDelivery, err = switched("possible_delivery", v)
			return err
		}},
		{"concurrency", func(v string) (err error) {
			d.Concurrency, err = number("concurrency", v, 1, deliveryConcurrencyMost)
			return err
		}},
	})
	if err != nil {
		return err
	}
	if d.PossibleDelivery && !c.Delivery.PossibleDelivery {
		warnOfPossibleDelivery(s)
	}
	return change(s, func(c *config.Config) error { c.Delivery = d; return nil })
}

func showDelivery(s *shell.Session) error {
	d := s.Candidate().Delivery
	if s.JSON {
		return s.PrintJSON(struct {
			Interface        string `json:"interface"`
			PossibleDelivery bool   `json:"possible_delivery"`
			Concurrency      int    `json:"concurrency"`
			Certificate      string `json:"certificate"`
		}{d.Interface, d.PossibleDelivery, d.Concurrency, d.Certificate})
	}
	from, possible := "Auto", "Disabled"
	if d.Interface != "" {
		from = d.Interface
	}
	if d.PossibleDelivery {
		possible = "Enabled"
	}
	s.Printf("Default interface to deliver mail: %s\n\"Possible Delivery\": %s\n", from, possible)
	s.Printf("Maximum outbound message delivery concurrency: %s\nClient certificate: %s\n", thousands(d.Concurrency), d.Certificate)
	return nil
}
